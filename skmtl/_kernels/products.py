"""Half of a symmetric product by the library that scipy multiplies matrices with."""

import numpy as np
import scipy.linalg.cython_blas
from llvmlite import ir
from numba import config, njit, types
from numba.extending import get_cython_function_address, intrinsic

# Where compiled code finds it, in this process: not to be kept in a cache of code.
ROUTINE = get_cython_function_address(scipy.linalg.cython_blas.__name__, "dsyrk")

# Counts of 32 bits, as Cython declares them: with others, memory would be misread.
_KNOWN = "char *, int *, int *" in repr(scipy.linalg.cython_blas.__pyx_capi__["dsyrk"])

_FLAG, _COUNT, _NUMBER = ir.IntType(8), ir.IntType(32), ir.DoubleType()


def _generate(context, builder, signature, arguments):
    """Call the routine on the transposes that it sees, being of Fortran's order."""
    block, out = (
        context.make_array(kind)(context, builder, argument)
        for kind, argument in zip(signature.args[1:], arguments[1:], strict=True)
    )

    def at(value):
        place = builder.alloca(value.type)
        builder.store(value, place)
        return place

    def count(value):
        return at(builder.trunc(value, _COUNT))

    n_rows, n_columns = (builder.extract_value(block.shape, k) for k in range(2))
    given = [
        at(_FLAG(ord("L"))),
        at(_FLAG(ord("N"))),
        count(n_columns),
        count(n_rows),
        at(_NUMBER(1.0)),
        block.data,
        count(n_columns),
        at(_NUMBER(0.0)),
        out.data,
        count(n_columns),
    ]
    kind = ir.FunctionType(ir.VoidType(), [place.type for place in given])
    builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), given)
    return context.get_dummy_value()


def _half_product(typing_context, routine, block, out):
    return types.void(types.int64, block, out), _generate


@njit(cache=True)
def _whole_product(routine, block, out):
    """Do the same, and the other triangle too."""
    np.dot(block.T, block, out)


# Fill the upper triangle of ``out``, as wide as the block, with its product with itself
# over rows; both are contiguous, and ``routine`` is ROUTINE.
usable = _KNOWN and not config.DISABLE_JIT
half_product = intrinsic(_half_product) if usable else _whole_product
