"""
Millions of rows
================

Three thousand machines report day after day, and the table no longer fits in memory.
The linear models of skmtl that minimise squares need not see it at once: all they keep
of a task are sums of squares and products. Blocks of rows can come in any order, from
files, a data base or a queue, and the result is that of one fit to everything.
"""

# %%
# A stream of blocks
# ------------------
#
# Two million rows of eight features, in ten blocks, each made when it is asked for.
# Machines report at very different rates: the busiest tens of thousands of times, many
# about a hundred times. The last column of a block holds the machine.

import numpy as np

n_machines, n_features, n_rows = 3_000, 8, 200_000
truth = np.random.default_rng(0).normal(size=(n_machines, n_features))
truth = 1.0 + 0.3 * truth
rate = 1.0 / np.arange(5, n_machines + 5)
rate /= rate.sum()


def block(number):
    """Return one block of the stream."""
    draw = np.random.default_rng([1, number])
    machine = draw.choice(n_machines, n_rows, p=rate)
    X = draw.normal(size=(n_rows, n_features))
    y = (X * truth[machine]).sum(axis=1) + 2.0 * draw.normal(size=n_rows)
    return np.column_stack([X, machine]), y


# %%
# One block after the other
# -------------------------
#
# ``partial_fit`` adds a block and is then a fitted model of all rows so far. Machines
# may appear for the first time in any block. Nothing else is needed to go on later: the
# model can be pickled between two blocks.

import pickle

from skmtl.linear import HierarchicalRegressor

model = HierarchicalRegressor(task_feature=-1)
counts = np.zeros(n_machines, dtype=int)
history = []
for number in range(10):
    X, y = block(number)
    model.partial_fit(X, y)
    counts += np.bincount(X[:, -1].astype(int), minlength=n_machines)
    known = model.tasks_.astype(int)
    distance = np.linalg.norm(model.coef_ - truth[known], axis=1)
    size = len(pickle.dumps(model)) / 1e6
    history.append((counts.sum(), known.size, distance.mean(), size))
    if number % 3 == 0:
        print(
            "{:9,d} rows, {:,d} machines, error {:.3f}, {:.1f} MB".format(*history[-1])
        )

# %%
# The error falls, the size of the model does not grow once it has seen all machines:
# it depends on their number and on the features, not on the rows.

rows, seen, errors, sizes = map(np.array, zip(*history, strict=True))
assert rows[-1] == 2_000_000
assert errors[-1] < 0.75 * errors[0]
complete = sizes[seen == n_machines]
assert complete.size > 1
assert complete[-1] < 1.01 * complete[0]
in_memory = rows[-1] * (n_features + 2) * 8 / 1e6
print(f"the rows would take {in_memory:.0f} MB, the model takes {sizes[-1]:.1f} MB")
assert sizes[-1] < in_memory / 10

# %%
# What sharing is worth to a machine
# ----------------------------------
#
# A machine alone, by least squares from ``n`` rows, has an expected squared error of
# ``noise * d / (n - d - 2)`` in its ``d`` coefficients. Below, this line beside what
# the model has: better where rows are few, and the same where there are thousands of
# them.

import matplotlib.pyplot as plt

alone = np.sqrt(4.0 * n_features / (counts[known] - n_features - 2))
figure, axes = plt.subplots(layout="constrained")
axes.scatter(counts[known], distance, s=4, alpha=0.5, label="a machine, shared model")
order = np.argsort(counts[known])
axes.plot(counts[known][order], alone[order], "k--", label="least squares, expected")
axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="error of coefficients")
axes.legend()

few, many = counts[known] < 300, counts[known] > 10_000
print(f"few rows: {(distance / alone)[few].mean():.2f} of the error alone")
print(f"many rows: {(distance / alone)[many].mean():.2f}")
assert counts.max() > 20_000
assert (distance / alone)[few].mean() < 0.9
assert 0.9 < (distance / alone)[many].mean() < 1.1

# %%
# The same as at once
# -------------------
#
# Three blocks in another order, or in one table, give the same coefficients.

blocks = [block(number) for number in range(3)]
stream = HierarchicalRegressor(task_feature=-1)
for X, y in reversed(blocks):
    stream.partial_fit(X, y)
table = np.concatenate([X for X, _ in blocks]), np.concatenate([y for _, y in blocks])
at_once = HierarchicalRegressor(task_feature=-1).fit(*table)
print(f"largest difference {np.abs(stream.coef_ - at_once.coef_).max():.1e}")
assert np.abs(stream.coef_ - at_once.coef_).max() < 1e-8

# %%
# A machine that is scrapped, or whose data have to be forgotten, leaves no trace:

stream.remove_task(0)
assert 0 not in stream.tasks_

# %%
# Trees are another matter: boosting reads rows many times, so that all of them have to
# be there at once.
