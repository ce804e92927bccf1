"""Time a shared representation against what its data cost to read.

Run ``python -m benchmarks.linear_low_rank`` with one BLAS thread. Tasks with more rows
than features are fitted from moments: the floor is the pass that forms these. Others
are fitted from rows: the floor is to read all rows once per evaluation of the loss. An
evaluation needs the arithmetic of ``X @ basis`` and ``residual @ X`` besides, so the
descent from rows is also shown against these two by BLAS, as often. The last column is
a ridge regression per task, one strength, from the same rows, by numpy. All ratios are
medians of pairs timed in turn.
"""

from benchmarks import threads

threads.pin()

import numpy as np

from benchmarks.measuring import ratio, table
from skmtl._tasks import group_rows, statistics
from skmtl.linear import SharedRepresentationRegressor
from skmtl.linear._heads import fit_representation
from skmtl.linear._low_rank import fit_span, whitening
from skmtl.linear._sample import sample_rows, sample_statistics

SHAPES = [(100, 100), (1000, 100), (100, 300), (100, 1000), (1000, 300), (400, 1000)]
N_TASKS, RANK = 200, 5


def draw(n_rows, n_features, seed=0):
    """Return rows, sorted by task, of tasks of one rank and unequal feature scales."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((n_features, RANK)))[0]
    coef = rng.standard_normal((N_TASKS, RANK)) @ basis.T
    X = rng.standard_normal((N_TASKS, n_rows, n_features))
    X *= np.exp(rng.uniform(-0.7, 0.7, n_features))
    X *= np.exp(rng.uniform(-0.3, 0.3, (N_TASKS, 1, 1)))
    y = (X @ coef[:, :, None])[:, :, 0] + rng.standard_normal((N_TASKS, n_rows))
    task = np.repeat(np.arange(N_TASKS), n_rows)
    return X.reshape(-1, n_features), y.ravel(), task


def ridge_per_task(X, y, n_rows):
    """Fit one ridge per task in the smaller of its two dimensions."""
    n_features = X.shape[1]
    for first in range(0, len(y), n_rows):
        rows, target = X[first : first + n_rows], y[first : first + n_rows]
        if n_rows > n_features:
            inner = rows.T @ rows + n_rows * 0.1 * np.eye(n_features)
            np.linalg.solve(inner, rows.T @ target)
        else:
            inner = rows @ rows.T + n_rows * 0.1 * np.eye(n_rows)
            rows.T @ np.linalg.solve(inner, target)


def measure(n_rows, n_features, runs=3):
    """Return one line of the table."""
    X, y, task = draw(n_rows, n_features)
    data = group_rows(X, y, np.ones(len(y)), task, N_TASKS)
    moments = n_rows > n_features
    read = (
        (lambda: sample_statistics(statistics(data)))
        if moments
        else (lambda: sample_rows(data))
    )
    sample = read()
    white = whitening(sample.tasks)
    span = fit_span(sample.tasks, white, RANK, 0.01, tol=1e-6)

    def solve():
        part = read()
        white = whitening(part.tasks)
        fit_span(part.tasks, white, RANK, 0.01, tol=1e-6)

    def learn():
        part = read()
        white = whitening(part.tasks)
        fit_representation(part, white, RANK, None, tol=1e-6, max_iter=500)

    def floor():
        if moments:
            read()
        else:
            for _ in range(span.n_evaluations):
                X.sum()

    def products():
        for _ in range(span.n_evaluations):
            X @ span.basis
            y @ X

    def descend():
        fit_span(sample.tasks, white, RANK, 0.01, tol=1e-6)

    ridge = ratio(solve, lambda: ridge_per_task(X, y, n_rows), runs=runs)
    return (
        f"{n_rows} x {n_features}",
        "moments" if moments else "rows",
        span.n_evaluations,
        ratio(solve, floor, runs=runs),
        ratio(descend, floor, runs=runs),
        "-" if moments else ratio(descend, products, runs=runs),
        ratio(learn, floor, runs=runs),
        ridge,
    )


def whole_estimator(n_rows=1000, n_features=100):
    """Return the cost of ``fit`` in units of the pass that forms the moments."""
    X, y, task = draw(n_rows, n_features)
    Z = np.column_stack([task, X])
    data = group_rows(X, y, np.ones(len(y)), task, N_TASKS)
    model = SharedRepresentationRegressor(RANK, task_feature=0)
    return ratio(lambda: model.fit(Z, y), lambda: statistics(data), runs=3)


def main():
    """Print the table."""
    header = (
        "rows x features", "from", "evaluations", "fit / floor", "descent / floor",
        "descent / products", "fit with estimated penalties / floor", "fit / ridges",
    )  # fmt: skip
    print(table([measure(*shape) for shape in SHAPES], header))
    print(f"\nSharedRepresentationRegressor.fit / moments: {whole_estimator()}")


if __name__ == "__main__":
    main()
