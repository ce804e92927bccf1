"""A hint to the processor: fetch a line of memory that is needed soon."""

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic


def _generate(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
    place = builder.gep(builder.bitcast(array.data, byte), [arguments[1]])
    kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
    # To be read, kept in all caches, data rather than code.
    builder.call(fetch, [place, flag(0), flag(3), flag(1)])
    return context.get_dummy_value()


def _prefetch(typing_context, array, offset):
    return types.void(array, types.int64), _generate


def _nothing(array, offset):
    """Stand in where numba does not compile."""


# Rows of a leaf are scattered: without the hint a histogram mostly waits for memory.
prefetch = _nothing if config.DISABLE_JIT else intrinsic(_prefetch)
