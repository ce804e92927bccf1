"""Tasks with outliers among them, and models that should find them (see outliers)."""

import functools

import numpy as np

from benchmarks.boosting_blocks import Trial

RANK = 3
CENTRE = {"head_scale": 0.3, "shared_scale": 2.0}


class Curved(Trial):
    """Nonlinear tasks; outliers follow other functions, or their labels are spoilt.

    ``spoilt`` turns tasks without outliers into such with the last ``n_spoilt`` of
    them "reversed", or with targets in the training rows that are "noise" alone.
    """

    n_test = 200

    def __init__(self, seed, *, spoilt=None, n_spoilt=2, **options):
        if spoilt is not None:
            options["n_outlier_tasks"] = 0
        super().__init__(seed, **options)
        if spoilt is not None:
            self.outlying = np.arange(self.outlying.size) >= (
                self.outlying.size - n_spoilt
            )
            rows = self.outlying[self.task]
            self.y = self.y.astype(float)
            self.y[rows] = spoil(self.y[rows], spoilt, self.classifies, seed)
        if self.classifies:
            self.y = self.y.astype(int)

    def error(self, prediction, rows):
        """Return the error of classes, or the root mean squared error, of some rows."""
        if self.classifies:
            return np.mean(prediction != self.y[rows])
        return np.sqrt(np.mean((prediction - self.y[rows]) ** 2)) / self.factor


def spoil(y, how, classifies, seed):
    """Return labels reversed, or the same ones in another order."""
    if how == "reversed":
        return 1 - y if classifies else -y
    return np.random.default_rng(seed).permutation(y)


class Linear:
    """Linear tasks of one representation, or around one centre.

    The last ``n_outliers`` tasks are outliers: "distinct" have coefficients of their
    own, "common" share those of one of them, "noise" have none but as much variance,
    "reversed" have the negative of what they would have.
    """

    n_test, n_features = 200, 20
    classifies = False

    def __init__(
        self,
        seed,
        *,
        kind="distinct",
        n_outliers=3,
        n_tasks=30,
        n_samples=100,
        factor=1.0,
        noise=1.0,
        around="span",
    ):
        from skmtl.datasets import make_shared_representation

        shape = {"head_scale": 2.0} if around == "span" else CENTRE
        tasks = make_shared_representation(
            n_tasks,
            n_samples + self.n_test,
            self.n_features,
            rank=RANK,
            noise=0.0,
            as_frame=False,
            shuffle=False,
            random_state=seed,
            **shape,
        )
        rng = np.random.default_rng(seed)
        self.X, self.task = tasks.data[:, :-1], tasks.data[:, -1].astype(int)
        self.outlying = np.arange(n_tasks) >= n_tasks - n_outliers
        coef = changed(tasks.coef, self.outlying, kind, rng)
        self.factor = factor
        self.signal = np.einsum("ij,ij->i", self.X, coef[self.task])
        own = np.where(self.outlying[self.task] & (kind == "noise"), 5.0, noise)
        self.y = factor * (self.signal + own * rng.standard_normal(self.task.size))
        self.train = np.arange(self.y.size) % (n_samples + self.n_test) < n_samples

    def error(self, prediction, rows):
        """Return the root mean squared distance from what is not noise."""
        return np.sqrt(np.mean((prediction / self.factor - self.signal[rows]) ** 2))


def changed(coef, outlying, kind, rng):
    """Return coefficients with those of outliers replaced."""
    coef = coef.copy()
    drawn = rng.uniform(-3.0, 3.0, (outlying.sum(), coef.shape[1]))
    coef[outlying] = {
        "distinct": drawn,
        "common": drawn[:1],
        "noise": 0.0,
        "reversed": -coef[outlying],
    }[kind]
    return coef


def boosting(structure, draw):
    """Return boosted trees for a draw."""
    from skmtl import boosting as home

    kind = "Classifier" if draw.classifies else "Regressor"
    made = getattr(home, f"MultiTaskBoosting{kind}")
    return made(structure=structure, task_feature=-1, n_jobs=1)


def representation(robust, rank, draw):
    """Return a shared representation."""
    from skmtl.linear import SharedRepresentationRegressor

    return SharedRepresentationRegressor(rank, robust=robust, task_feature=-1)


def center(robust, draw):
    """Return models around a centre."""
    from skmtl.linear import SharedCenterRegressor

    return SharedCenterRegressor(robust=robust, task_feature=-1)


class Category:
    """LightGBM with the task as a category, and rounds by early stopping."""

    def __init__(self, draw):
        from benchmarks.boosting_accuracy import LightGBM

        self.classifies = draw.classifies
        self.inner = LightGBM("binary" if draw.classifies else "regression")

    def fit(self, X, y):
        self.inner.fit(X, y.astype(float), np.random.default_rng(0))
        return self

    def predict(self, X):
        said = self.inner.predict(X)
        return (said > 0.5).astype(int) if self.classifies else said


# Each model beside what knows nothing of outliers.
MODELS = {
    "boosting": (functools.partial(boosting, "auto"), Category),
    "boosting, blocks": (functools.partial(boosting, "blocks"), Category),
    "representation, robust": (
        functools.partial(representation, True, "auto"),
        functools.partial(representation, False, "auto"),
    ),
    "representation, robust, rank given": (
        functools.partial(representation, True, RANK),
        functools.partial(representation, False, RANK),
    ),
    "center, robust": (
        functools.partial(center, True),
        functools.partial(center, False),
    ),
}
