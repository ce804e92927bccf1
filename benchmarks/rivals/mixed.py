"""Mixed models of rows with a task: boosted trees of GPBoost, and statsmodels."""

import numpy as np
from sklearn.decomposition import PCA

from benchmarks.rivals import Method
from benchmarks.rivals.layouts import folds
from benchmarks.rivals.linear import preparation

N_SLOPES = 5
LEAVES = (7, 31)
ROUNDS, PATIENCE = 1000, 30
# Fixed effects: directions with any variance, and at most this share of the rows.
SMALLEST, LARGEST_SHARE = 1e-6, 1 / 3


def boosted(n_slopes):
    """Return a method with random intercepts, and slopes of the first features."""

    def fit(lesson):
        import gpboost

        prepare = preparation(lesson.X)
        matrix, splits = prepare.fit_transform(lesson.X), folds(lesson)

        def effects(matrix):
            count = min(n_slopes, matrix.shape[1])
            return matrix[:, :count].copy() if count else None

        def group(task):
            return np.searchsorted(lesson.tasks, task)

        def process():
            slopes = effects(matrix)
            return gpboost.GPModel(
                group_data=group(lesson.task),
                group_rand_coef_data=slopes,
                ind_effect_group_rand_coef=(
                    None if slopes is None else [1] * slopes.shape[1]
                ),
                likelihood="bernoulli_logit" if lesson.kind == "binary" else "gaussian",
                num_parallel_threads=lesson.threads,
            )

        def data():
            return gpboost.Dataset(matrix, lesson.y, free_raw_data=False)

        def settings(leaves):
            return {
                "num_leaves": leaves,
                "min_data_in_leaf": 5 if leaves == LEAVES[0] else 20,
                "learning_rate": 0.05,
                "lambda_l2": 1.0,
                "num_threads": lesson.threads,
                "verbose": -1,
            }

        def curve(leaves):
            found = gpboost.cv(
                settings(leaves),
                data(),
                gp_model=process(),
                num_boost_round=ROUNDS,
                folds=splits,
                early_stopping_rounds=PATIENCE,
                use_gp_model_for_validation=True,
                verbose_eval=False,
            )
            values = next(v for name, v in found.items() if name.endswith("-mean"))
            return min(values), int(np.argmin(values)) + 1, leaves

        _, n_rounds, leaves = min(curve(leaves) for leaves in LEAVES)
        model = gpboost.train(
            settings(leaves), data(), n_rounds, gp_model=process(), verbose_eval=False
        )

        def predict(X, task):
            matrix = prepare.transform(X)
            return model.predict(
                matrix,
                group_data_pred=group(task),
                group_rand_coef_data_pred=effects(matrix),
                predict_var=False,
                pred_latent=False,
            )["response_mean"]

        return predict

    return fit


def mixed_model(lesson):
    """Fit statsmodels' mixed model with slopes of leading principal components.

    Where it fails with so many slopes it is tried with fewer.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM

    prepare = preparation(lesson.X)
    matrix = prepare.fit_transform(lesson.X)
    span = PCA(random_state=0).fit(matrix)
    sizes = span.explained_variance_
    known = int(np.sum(sizes > SMALLEST * sizes[0]))
    n_parts = max(1, min(known, int(LARGEST_SHARE * len(lesson.y))))

    def columns(X):
        scores = span.transform(prepare.transform(X))[:, :n_parts]
        scores /= np.sqrt(sizes[:n_parts])
        return np.column_stack([np.ones(len(X)), scores])

    table = columns(lesson.X)
    scale = np.std(lesson.y) or 1.0
    for count in sorted({min(N_SLOPES, n_parts), min(2, n_parts), 0}, reverse=True):
        model = MixedLM(lesson.y / scale, table, lesson.task, table[:, : count + 1])
        try:
            fitted = model.fit(method=["lbfgs", "powell"])
            effects = fitted.random_effects
            break
        except (np.linalg.LinAlgError, ValueError):
            if count == 0:
                raise

    def predict(X, task):
        table = columns(X)
        prediction = table @ np.asarray(fitted.fe_params)
        for name in np.unique(task):
            rows = task == name
            own = np.asarray(effects[name])
            prediction[rows] += table[rows, : own.size] @ own
        return prediction * scale

    return predict


METHODS = {
    "gpboost_intercepts": Method(boosted(0), targets=False),
    "gpboost_slopes": Method(boosted(N_SLOPES), targets=False),
    "mixed_model": Method(mixed_model, targets=False, classes=False),
}
