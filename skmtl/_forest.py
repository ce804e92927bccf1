"""Trees with random thresholds that all tasks share: what few rows have to say."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesRegressor

# The least weight of a leaf: numbers are averaged over trees; of classes, each tree
# gives shares of its leaves.
LEAF_OF_NUMBERS, LEAF_OF_CLASSES = 1.0, 5.0
# Rows at the mean of all that a task's own mean is shrunken by.
SHRINKAGE = 2.0


class SharedForest(BaseEstimator):
    """One forest for all tasks.

    Columns of y are predicted by the same trees, unless some have gaps. A task of rows
    is known to the trees by its mean, so that tasks of like level are split off
    together.

    Parameters
    ----------
    n_classes : int
        Classes are predicted by their indicators; 0 stands for numbers.
    wide : bool
        Whether columns of y are tasks; else the last column of X is a task's code.
    n_trees : int
    """

    def __init__(self, n_classes=0, wide=False, n_trees=100):
        self.n_classes = n_classes
        self.wide = wide
        self.n_trees = n_trees

    def fit(self, X, y, sample_weight=None):
        """Grow the trees."""
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.classes_ = np.arange(self.n_classes)
        if self.n_classes and not self.wide:
            y = (y[:, None] == self.classes_).astype(float)
        if not self.wide:
            self._levels = task_levels(X[:, -1], y.reshape(len(y), -1), weight)
            X = self._table(X)
        together = y.ndim == 1 or (y.shape[1] > 1 and not np.isnan(y).any())
        parts = [y] if together else y.T
        self._forests = [self._grow(X, part, weight) for part in parts]
        return self

    def predict(self, X):
        """Return numbers, of classes their shares."""
        table = X if self.wide else self._table(X)
        said = [forest.predict(table) for forest in self._forests]
        return said[0] if len(said) == 1 else np.column_stack(said)

    def predict_proba(self, X):
        """Return the probability of each class, of the second for each column of y."""
        return self.predict(X)

    def _table(self, X):
        """Return features and, in place of the code of its task, what a row's level is.

        A task that is not known has the mean of all.
        """
        codes, levels = self._levels
        place = np.minimum(np.searchsorted(codes, X[:, -1]), codes.size - 1)
        known = codes[place] == X[:, -1]
        return np.column_stack([X[:, :-1], levels[np.where(known, place, -1)]])

    def _grow(self, X, y, weight):
        """Return trees for one target or for several that are observed together."""
        seen = ~np.isnan(y.reshape(len(y), -1)[:, 0])
        if not seen.any():
            # Zero is the mean of numbers; a class that nobody saw is as likely as not.
            X, y, seen = X[:1], np.full(1, 0.5 * bool(self.n_classes)), [True]
            weight = np.ones(1)
        leaf = LEAF_OF_CLASSES if self.n_classes else LEAF_OF_NUMBERS
        share = min(leaf / weight[seen].sum(), 0.5)
        forest = ExtraTreesRegressor(
            self.n_trees, min_weight_fraction_leaf=share, random_state=0
        )
        return forest.fit(X[seen], y[seen], weight[seen])


def task_levels(code, y, weight):
    """Return codes of tasks and the shrunken mean of each, that of all rows last."""
    codes, place = np.unique(code, return_inverse=True)
    whole = weight @ y / weight.sum()
    total = np.array([np.bincount(place, weight * column) for column in y.T]).T
    own = np.bincount(place, weight)[:, None] + SHRINKAGE
    return codes, np.vstack([(total + SHRINKAGE * whole) / own, whole])
