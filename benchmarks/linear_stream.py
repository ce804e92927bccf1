"""Feed a model from a stream of blocks: how fast, and in how much memory.

Run ``python -m benchmarks.linear_stream [--rows 10000000]`` with one BLAS thread;
``--rows 3000000`` takes seconds. Blocks of 50 features and a column that says to which
of 1000 tasks a row belongs, in any order, go to ``partial_fit``, which brings the model
up to date each time; the first line is for statistics alone, without a model. Beside
it, in turn, stands what no such stream can do without: numpy's product of every block
of features with itself. Memory is what the process grew by after the second block.
"""

from benchmarks import threads

threads.pin()

import argparse
import resource
import statistics

import numpy as np

from benchmarks.measuring import seconds, table
from skmtl.linear import (
    JointSparseRegressor,
    SharedCenterRegressor,
    SharedRepresentationRegressor,
)
from skmtl.linear._base import StatisticsRegressor

N_FEATURES, N_TASKS = 50, 1000


class StatisticsAlone(StatisticsRegressor):
    """Keep statistics and fit nothing to them."""

    def __init__(self, task_feature=None, unseen_task="shared"):
        self.task_feature = task_feature
        self.unseen_task = unseen_task

    def _fit_statistics(self, statistics, splits):
        self.coef_ = statistics.xy


def models():
    """Return the models that follow streams, statistics alone first."""
    return [
        StatisticsAlone(task_feature=-1),
        SharedCenterRegressor(1.0, task_feature=-1),
        JointSparseRegressor(0.01, task_feature=-1),
        SharedRepresentationRegressor(3, task_feature=-1),
    ]


def draw(rng, n_rows, coef, out):
    """Fill a block, the task last, and return its targets."""
    out[:, :-1] = rng.standard_normal((n_rows, N_FEATURES))
    task = rng.integers(0, N_TASKS, n_rows)
    out[:, -1] = task
    y = np.einsum("ij,ij->i", out[:, :-1], coef[task])
    return y + rng.standard_normal(n_rows)


def stream(model, n_rows, block_rows):
    """Return the seconds of each block, those of its product, and memory in between."""
    rng = np.random.default_rng(0)
    coef = rng.standard_normal((N_TASKS, 3)) @ rng.standard_normal((3, N_FEATURES))
    block = np.empty((block_rows, N_FEATURES + 1))
    ours, theirs, memory = [], [], []
    for _ in range(max(n_rows // block_rows, 3)):
        y = draw(rng, block_rows, coef, block)
        features = np.ascontiguousarray(block[:, :-1])
        theirs.append(seconds(lambda X=features: X.T @ X))
        del features
        ours.append(seconds(lambda y=y: model.partial_fit(block, y)))
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)
    return ours, theirs, memory


def main():
    """Print throughput as a part of numpy's, and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10**7)
    parser.add_argument("--block", type=int, default=10**6)
    given = parser.parse_args()
    rows = []
    for model in models():
        ours, theirs, memory = stream(model, given.rows, given.block)
        # The first block compiles kernels and draws up the statistics.
        share = sum(theirs[1:]) / sum(ours[1:])
        pairs = [a / b for a, b in zip(theirs[1:], ours[1:], strict=True)]
        rows.append(
            (
                type(model).__name__,
                f"{given.block} x {len(ours)}",
                f"{share:.2f}",
                f"{statistics.median(pairs):.2f}",
                f"{max(memory) - memory[1]:.0f} MB",
            )
        )
    header = ["model", "rows", "throughput / numpy's", "median of blocks", "memory"]
    print(table(rows, header))


if __name__ == "__main__":
    main()
