import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_allclose

from skmtl._kernels import products


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (50, 4), (384, 52)])
@pytest.mark.parametrize("multiply", ["half_product", "_whole_product"])
def test_products_are_those_of_numpy(shape, multiply):
    block = np.random.default_rng(0).standard_normal(shape)
    found = half(getattr(products, multiply), block)
    assert_allclose(found, np.triu(block.T @ block), rtol=1e-12, atol=1e-12)


def half(multiply, block):
    @njit
    def fill(routine, block, out):
        multiply(routine, block, out)

    out = np.zeros((block.shape[1],) * 2)
    fill(products.ROUTINE, block, out)
    return np.triu(out)


def test_the_routine_of_scipy_is_the_one_that_is_called():
    assert products._KNOWN
