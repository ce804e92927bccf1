import numpy as np
import pytest
from numpy.testing import assert_allclose

from skmtl._kernels import products
from skmtl._kernels.products import HEIGHT, LANES


def panels(block):
    """Return columns of a block in groups that lie together."""
    n_rows, width = block.shape
    split = block.reshape(n_rows, width // LANES, LANES)
    return np.ascontiguousarray(split.transpose(1, 0, 2))


@pytest.mark.parametrize("shape", [(1, 8), (3, 8), (50, 16), (64, 56)])
@pytest.mark.parametrize("room", [0, 5])
def test_strips_make_half_a_product(shape, room):
    block = np.random.default_rng(0).standard_normal((shape[0] + room, shape[1]))
    out = np.ones((shape[1], shape[1]))
    for j in range(0, shape[1], HEIGHT):
        products.add_strip(panels(block), out, j, shape[0])
    expected = 1.0 + block[: shape[0]].T @ block[: shape[0]]
    assert_allclose(np.triu(out), np.triu(expected), rtol=1e-12, atol=1e-12)


def test_a_tile_is_what_numpy_makes_of_it():
    block = np.random.default_rng(0).standard_normal((9, 2 * LANES))
    out = np.zeros((2 * LANES, 2 * LANES))
    products.add_plainly(panels(block), out, HEIGHT, LANES, 9)
    rows, columns = slice(HEIGHT, 2 * HEIGHT), slice(LANES, 2 * LANES)
    assert_allclose(out[rows, columns], block[:, rows].T @ block[:, columns])
    out[rows, columns] = 0.0
    assert not out.any()
