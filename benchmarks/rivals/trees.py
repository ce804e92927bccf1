"""Gradient boosting with the task as a category, and one model per task.

Rounds, and sizes of trees, are those with the least loss of held-out rows; all rows
are fitted again with them.
"""

import numpy as np

from benchmarks.accuracy_losses import FLOOR, log_loss
from benchmarks.accuracy_tables import categories
from benchmarks.rivals import Method
from benchmarks.rivals.layouts import SEED, folds, separate, stacked, telling

RATE, ROUNDS, PATIENCE = 0.05, 2000, 50
# LightGBM does not look at categories with fewer rows than cat_smooth, 10 by default:
# tasks of few rows would be invisible to it.
SMALL_GROUPS = {"min_data_per_group": 5, "min_data_in_leaf": 5, "cat_smooth": 1.0}
LEAVES = (
    {"num_leaves": 7},
    {"num_leaves": 31},
    {"num_leaves": 7, **SMALL_GROUPS},
    {"num_leaves": 31, **SMALL_GROUPS},
)
LEAVES_ALONE = ({"num_leaves": 31}, {"num_leaves": 7, "min_data_in_leaf": 5})
DEPTHS = (3, 6)
HIST_SIZES = (
    {"max_leaf_nodes": 7, "min_samples_leaf": 5},
    {"max_leaf_nodes": 31, "min_samples_leaf": 20},
)
HIST_ROUNDS, MANY_ROWS = 300, 5_000
CAT_ROUNDS = 1000


def lightgbm_model(lesson):
    """Fit LightGBM."""
    import lightgbm

    table, read = telling(lesson)
    splits = folds(lesson)
    common = {
        "objective": "binary" if lesson.kind == "binary" else "regression",
        "learning_rate": RATE,
        "feature_pre_filter": False,
        "num_threads": lesson.threads,
        "verbosity": -1,
        "seed": SEED,
    }

    def data(settings):
        return lightgbm.Dataset(table, lesson.y, params=settings, free_raw_data=False)

    def curve(sizes):
        settings = common | sizes
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        found = lightgbm.cv(
            settings, data(settings), ROUNDS, folds=splits, callbacks=[stop]
        )
        means = next(v for name, v in found.items() if name.endswith("-mean"))
        return min(means), int(np.argmin(means)) + 1, settings

    grid = LEAVES_ALONE if lesson.task is None else LEAVES
    _, n_rounds, settings = min(map(curve, grid), key=lambda found: found[0])
    model = lightgbm.train(settings, data(settings), n_rounds)
    return lambda X, task: model.predict(read(X, task))


def xgboost_model(lesson):
    """Fit XGBoost."""
    import xgboost

    table, read = telling(lesson)
    splits, classify = folds(lesson), lesson.kind == "binary"
    data = xgboost.DMatrix(
        table, lesson.y, enable_categorical=True, nthread=lesson.threads
    )

    def curve(depth):
        settings = {
            "objective": "binary:logistic" if classify else "reg:squarederror",
            "max_depth": depth,
            "eta": RATE,
            "tree_method": "hist",
            "nthread": lesson.threads,
            "seed": SEED,
        }
        found = xgboost.cv(
            settings,
            data,
            ROUNDS,
            folds=splits,
            metrics="logloss" if classify else "rmse",
            early_stopping_rounds=PATIENCE,
        )
        means = found.filter(regex="^test-.*-mean$").iloc[:, 0].to_numpy()
        return means.min(), int(means.argmin()) + 1, settings

    _, n_rounds, settings = min(map(curve, DEPTHS), key=lambda found: found[0])
    model = xgboost.train(settings, data, n_rounds)

    def predict(X, task):
        rows = xgboost.DMatrix(read(X, task), enable_categorical=True)
        return model.predict(rows)

    return predict


def catboost_model(lesson):
    """Fit CatBoost, with rounds from the mean of the curves of the folds."""
    import catboost

    def text(table):
        """Return a table whose categories, missing ones included, are text."""
        return table.assign(
            **{
                name: table[name].astype(object).where(table[name].notna(), "").map(str)
                for name in categories(table)
            }
        )

    table, read = telling(lesson)
    names, table = categories(table), text(table)
    classify = lesson.kind == "binary"
    settings = {
        "loss_function": "Logloss" if classify else "RMSE",
        "learning_rate": RATE,
        "thread_count": lesson.threads,
        "random_seed": SEED,
        "allow_writing_files": False,
        "verbose": False,
    }

    def pool(rows):
        return catboost.Pool(table.iloc[rows], lesson.y[rows], cat_features=names)

    def rounds(train, test):
        model = catboost.CatBoost(settings | {"iterations": CAT_ROUNDS})
        model.fit(pool(train), eval_set=pool(test), early_stopping_rounds=PATIENCE)
        return model.get_best_iteration() + 1

    usable = [pair for pair in folds(lesson) if np.unique(lesson.y[pair[0]]).size > 1]
    n_rounds = int(np.mean([rounds(*pair) for pair in usable])) if usable else 100
    model = catboost.CatBoost(settings | {"iterations": max(n_rounds, 1)})
    model.fit(pool(np.arange(len(lesson.y))))
    kind = "Probability" if classify else "RawFormulaVal"

    def predict(X, task):
        said = model.predict(text(read(X, task)), prediction_type=kind)
        return said[:, 1] if classify else said

    return predict


def hist_model(lesson):
    """Fit scikit-learn's histogram boosting: early stopping, or folds of few rows."""
    table, read = telling(lesson)
    classify = lesson.kind == "binary"
    if len(lesson.y) >= MANY_ROWS:
        models = [stopped_early(table, lesson, size) for size in HIST_SIZES]
        model = max(models, key=lambda model: max(model.validation_score_))
    else:
        size, n_rounds = best_rounds(table, lesson)
        model = hist(classify, size, n_rounds).fit(table, lesson.y)

    def predict(X, task):
        if classify:
            return model.predict_proba(read(X, task))[:, -1]
        return model.predict(read(X, task))

    return predict


def hist(classify, size, n_rounds, **settings):
    """Return an unfitted model."""
    from sklearn import ensemble

    kind = "Classifier" if classify else "Regressor"
    settings = {"early_stopping": False, "learning_rate": 0.1} | size | settings
    make = getattr(ensemble, f"HistGradientBoosting{kind}")
    return make(max_iter=n_rounds, random_state=SEED, **settings)


def stopped_early(table, lesson, size):
    """Return a model that holds out a fifth of its rows."""
    stopping = {"early_stopping": True, "n_iter_no_change": 30}
    model = hist(
        lesson.kind == "binary", size, ROUNDS, validation_fraction=0.2, **stopping
    )
    return model.fit(table, lesson.y)


def best_rounds(table, lesson):
    """Return the size of trees and the rounds with the least loss of held-out rows."""
    classify, found = lesson.kind == "binary", []
    for size in HIST_SIZES:
        total = np.zeros(HIST_ROUNDS)
        for train, test in folds(lesson):
            if np.unique(lesson.y[train]).size < 2:
                continue
            model = hist(classify, size, HIST_ROUNDS)
            model.fit(table.iloc[train], lesson.y[train])
            total += staged_loss(model, table.iloc[test], lesson.y[test], classify)
        found.append((total.min(), int(total.argmin()) + 1, size))
    _, n_rounds, size = min(found, key=lambda one: one[0])
    return size, n_rounds


def staged_loss(model, X, y, classify):
    """Return the summed loss of rows after every round."""
    if classify:
        stages = (said[:, -1] for said in model.staged_predict_proba(X))
        losses = [log_loss(y, np.clip(s, FLOOR, 1 - FLOOR)) * y.size for s in stages]
    else:
        losses = [np.sum((y - said) ** 2) for said in model.staged_predict(X)]
    return np.pad(losses, (0, HIST_ROUNDS - len(losses)), mode="edge")


METHODS = {
    "lightgbm_category": Method(stacked(lightgbm_model)),
    "lightgbm_separate": Method(separate(lightgbm_model)),
    "hist_category": Method(stacked(hist_model)),
    "hist_separate": Method(separate(hist_model), rows=False),
    "xgboost_category": Method(stacked(xgboost_model)),
    "xgboost_separate": Method(separate(xgboost_model), rows=False),
    "catboost_category": Method(stacked(catboost_model)),
    "catboost_separate": Method(separate(catboost_model), rows=False),
}
