"""Half of a block's product with itself: what BLAS has for it is slow if narrow.

The product is made in tiles of four rows and eight columns, which stay in registers
while all rows of the block pass. Eight columns of a block lie together, so that a tile
reads memory in order.
"""

from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

HEIGHT, LANES = 4, 8

_NUMBER, _INDEX = ir.DoubleType(), ir.IntType(32)
_VECTOR = ir.VectorType(_NUMBER, LANES)
_UNKNOWN = ir.Constant(_VECTOR, ir.Undefined)
_FIRST = ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)


def _generate(context, builder, signature, arguments):
    """Write the loop over the rows of the block, the tile's sums in local variables."""
    block, out = (
        context.make_array(kind)(context, builder, argument)
        for kind, argument in zip(signature.args[:2], arguments[:2], strict=True)
    )
    j, k, n_rows = arguments[2:]
    room, width = (
        builder.extract_value(block.shape, 1),
        builder.extract_value(out.shape, 1),
    )
    lanes = j.type(LANES)

    def vector(place):
        return builder.bitcast(place, _VECTOR.as_pointer())

    def product_row(i):
        start = builder.add(builder.mul(builder.add(j, j.type(i)), width), k)
        return vector(builder.gep(out.data, [start]))

    def column(j):
        panel = builder.mul(builder.mul(builder.udiv(j, lanes), room), lanes)
        return builder.gep(block.data, [builder.add(panel, builder.urem(j, lanes))])

    places = [product_row(i) for i in range(HEIGHT)]
    sums = [cgutils.alloca_once(builder, _VECTOR) for _ in places]
    lefts, right = column(j), column(k)
    for here, place in zip(sums, places, strict=True):
        builder.store(builder.load(place, align=8), here)
    with cgutils.for_range(builder, n_rows) as loop:
        row = builder.mul(loop.index, lanes)
        factor = builder.load(vector(builder.gep(right, [row])), align=8)
        for i, here in enumerate(sums):
            left = builder.load(builder.gep(lefts, [builder.add(row, j.type(i))]))
            many = builder.insert_element(_UNKNOWN, left, _INDEX(0))
            many = builder.shuffle_vector(many, _UNKNOWN, _FIRST)
            added = builder.fmul(many, factor, flags=("contract",))
            total = builder.fadd(builder.load(here), added, flags=("contract",))
            builder.store(total, here)
    for here, place in zip(sums, places, strict=True):
        builder.store(builder.load(here), place, align=8)
    return context.get_dummy_value()


def _add_tile(typing_context, block, out, j, k, n_rows):
    return types.void(block, out, types.int64, types.int64, types.int64), _generate


def add_plainly(block, out, j, k, n_rows):
    """Do the same where numba does not compile."""
    left = block[j // LANES, :n_rows, j % LANES : j % LANES + HEIGHT]
    out[j : j + HEIGHT, k : k + LANES] += left.T @ block[k // LANES, :n_rows]


_tile = add_plainly if config.DISABLE_JIT else intrinsic(_add_tile)


@njit(cache=True)
def add_strip(block, out, j, n_rows):
    """Add rows j to j + HEIGHT, from the diagonal on, of a block's product with itself.

    ``block[k]`` has LANES columns of the block, of which ``n_rows`` rows count.
    """
    for k in range(j // LANES * LANES, LANES * block.shape[0], LANES):
        _tile(block, out, j, k, n_rows)
