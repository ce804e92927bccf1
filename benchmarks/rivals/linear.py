"""Ridge and logistic regression: one per task, one for all, one with task dummies."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.accuracy_tables import categories
from benchmarks.rivals import Method
from benchmarks.rivals.layouts import SEED, folds, separate, stacked

ALPHAS = np.logspace(-3, 5, 25)
# What a dummy of a task counts for, beside features of unit variance.
DUMMIES = (0.3, 1.0, 3.0, 10.0)
STRENGTHS = np.logspace(-4, 2, 13)


def preparation(X):
    """Return a transformer of gaps and categories into standardised numbers."""
    names = categories(X)
    numbers = [name for name in X.columns if name not in names]
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(fill, StandardScaler()), numbers),
            ("categories", encode, names),
        ]
    )


def logistic(matrix, y, splits):
    """Return a logistic regression with a strength by the log loss of folds."""
    rarer = int(min(np.sum(y > 0), np.sum(y <= 0)))
    if rarer < 2:
        return LogisticRegression(C=0.1, max_iter=2000).fit(matrix, y)
    if any(np.unique(y[rows]).size < 2 for rows, _ in splits):
        dealer = StratifiedKFold(min(5, rarer), shuffle=True, random_state=SEED)
        splits = list(dealer.split(matrix, y))
    model = LogisticRegressionCV(
        Cs=STRENGTHS, cv=splits, scoring="neg_log_loss", max_iter=2000
    )
    return model.fit(matrix, y)


def fit_linear(matrix, lesson):
    """Return a fitted ridge or logistic regression."""
    if lesson.kind == "binary":
        return logistic(matrix, lesson.y, folds(lesson))
    return RidgeCV(ALPHAS).fit(matrix, lesson.y)


def answer(model, matrix, kind):
    """Return numbers or the probability of the second class."""
    if kind == "binary":
        return model.predict_proba(matrix)[:, -1]
    return model.predict(matrix)


def alone(lesson):
    """Fit rows without looking at their tasks."""
    prepare = preparation(lesson.X)
    model = fit_linear(prepare.fit_transform(lesson.X), lesson)
    return lambda X, task: answer(model, prepare.transform(X), lesson.kind)


def dummies(lesson):
    """Fit all rows with a dummy for each task, whose size leave-one-out chooses."""
    prepare, names = preparation(lesson.X), lesson.tasks
    matrix = prepare.fit_transform(lesson.X)

    def beside(matrix, task, size):
        return np.hstack([matrix, size * (task[:, None] == names)])

    def trial(size):
        return fit_linear(beside(matrix, lesson.task, size), lesson)

    if lesson.kind == "binary":
        size, model = 1.0, trial(1.0)
    else:
        models = [(size, trial(size)) for size in DUMMIES]
        size, model = max(models, key=lambda pair: pair[1].best_score_)

    def predict(X, task):
        return answer(model, beside(prepare.transform(X), task, size), lesson.kind)

    return predict


METHODS = {
    "linear_separate": Method(separate(alone, fewest=3)),
    "linear_pooled": Method(stacked(alone)),
    "linear_dummies": Method(stacked(dummies)),
}
