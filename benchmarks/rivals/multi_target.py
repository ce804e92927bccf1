"""Linear models of several targets of the same rows: scikit-learn's and mutar's."""

import numpy as np
from sklearn.linear_model import MultiTaskElasticNetCV

from benchmarks.rivals import Method
from benchmarks.rivals.layouts import folds
from benchmarks.rivals.linear import preparation

L1_RATIOS = (0.1, 0.5, 0.9, 1.0)
N_ALPHAS = 30
SHARES = np.logspace(0, -3, 12)
# Penalties of single coefficients, in units of that of whole rows of them.
SPECIFIC = (0.3, 0.5, 0.8)


def elastic_net(lesson):
    """Fit scikit-learn's elastic net with whole rows of coefficients."""
    prepare = preparation(lesson.X)
    model = MultiTaskElasticNetCV(
        l1_ratio=list(L1_RATIOS),
        alphas=N_ALPHAS,
        cv=folds(lesson),
        max_iter=5000,
        n_jobs=lesson.threads,
    )
    model.fit(prepare.fit_transform(lesson.X), lesson.y)
    return lambda X, task: model.predict(prepare.transform(X))


def mutar_model(make, grid):
    """Return a method that chooses penalties of a model of mutar by held-out errors."""

    def fit(lesson):
        import mutar

        prepare = preparation(lesson.X)
        matrix, splits = prepare.fit_transform(lesson.X), folds(lesson)
        y = lesson.y
        largest = np.linalg.norm((matrix - matrix.mean(0)).T @ (y - y.mean(0)), axis=1)
        largest = largest.max() / len(y)

        def fitted(rows, setting):
            model = make(mutar, largest, setting)
            return model.fit(tiled(matrix[rows], y.shape[1]), y[rows].T)

        def error(setting):
            total = 0.0
            for train, test in splits:
                said = fitted(train, setting).predict(tiled(matrix[test], y.shape[1]))
                total += np.sum((y[test].T - said) ** 2)
            return total

        best = min(grid, key=error)
        model = fitted(np.arange(len(y)), best)
        return lambda X, task: model.predict(tiled(prepare.transform(X), y.shape[1])).T

    return fit


def tiled(matrix, n_targets):
    """Return features once for each target, which is what mutar asks for."""
    return np.broadcast_to(matrix, (n_targets, *matrix.shape)).copy()


def group_lasso(mutar, largest, setting):
    """Return a lasso with whole rows of coefficients."""
    return mutar.GroupLasso(alpha=largest * setting)


def dirty(mutar, largest, setting):
    """Return the sum of whole rows and of single coefficients."""
    share, specific = setting
    alpha = largest * share
    return mutar.DirtyModel(alpha=alpha, beta=alpha * specific)


PAIRS = [(share, specific) for share in SHARES for specific in SPECIFIC]
METHODS = {
    "elastic_net_targets": Method(elastic_net, rows=False, classes=False),
    "mutar_lasso": Method(mutar_model(group_lasso, SHARES), rows=False, classes=False),
    "mutar_dirty": Method(mutar_model(dirty, PAIRS), rows=False, classes=False),
}
