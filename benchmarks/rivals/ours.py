"""The models of skmtl as they are by default, and its front door."""

from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.rivals import FRONT_DOOR, Method
from benchmarks.rivals.linear import ALPHAS, preparation


def beside(X, task):
    """Return features with the task as one more column, where there is one."""
    return X if task is None else X.assign(task=task)


def column(task):
    """Return the name of the task's column."""
    return None if task is None else "task"


def targets(lesson):
    """Return numbers, or classes without gaps as integers."""
    if lesson.kind == "binary" and lesson.task is not None:
        return lesson.y.astype(int)
    return lesson.y


def answering(model, kind):
    """Return a function that asks a fitted model."""

    def predict(X, task):
        table = beside(X, task)
        if kind == "regression":
            return model.predict(table)
        said = model.predict_proba(table)
        return said if task is None else said[:, -1]

    return predict


def raw(make):
    """Return a method that gives a model the table as it is."""

    def fit(lesson):
        model = make(lesson.kind == "binary", lesson.threads)
        model.set_params(task_feature=column(lesson.task))
        model.fit(beside(lesson.X, lesson.task), targets(lesson))
        return answering(model, lesson.kind)

    return fit


def prepared(make):
    """Return a method whose model sees what linear rivals see."""

    def fit(lesson):
        from skmtl.compose import keep_task

        model = make(lesson.kind == "binary", lesson.threads)
        name = column(lesson.task)
        steps = keep_task(preparation(lesson.X), name)
        model = make_pipeline(steps, model.set_params(task_feature=name))
        model.fit(beside(lesson.X, lesson.task), targets(lesson))
        return answering(model, lesson.kind)

    return fit


def named(module, name, **settings):
    """Return a maker of the regressor or classifier of a name."""

    def make(classify, threads):
        import importlib

        kind = "Classifier" if classify else "Regressor"
        home = importlib.import_module(module)
        return getattr(home, f"{name}{kind}")(**settings)

    return make


def independent(classify, threads):
    """Return one ridge or logistic regression per task."""
    from skmtl.baselines import IndependentTasks

    model = LogisticRegression(max_iter=2000) if classify else RidgeCV(ALPHAS)
    return IndependentTasks(make_pipeline(StandardScaler(), model))


def heads(classify, threads):
    """Return heads around LightGBM, with the settings of the default for classes."""
    from lightgbm import LGBMClassifier

    from skmtl.boosting import TaskHeads

    if not classify:
        return TaskHeads()
    model = LGBMClassifier(
        n_estimators=200, num_leaves=15, min_child_samples=10, n_jobs=1, verbose=-1
    )
    return TaskHeads(model)


LINEAR, BOOSTING = "skmtl.linear", "skmtl.boosting"
METHODS = {
    "skmtl_independent": Method(prepared(independent)),
    "skmtl_hierarchical": Method(prepared(named(LINEAR, "Hierarchical"))),
    "skmtl_representation": Method(prepared(named(LINEAR, "SharedRepresentation"))),
    # The default strength is a number, which means nothing without units of y.
    "skmtl_joint_sparse": Method(prepared(named(LINEAR, "JointSparse", alpha="auto"))),
    "skmtl_center": Method(prepared(named(LINEAR, "SharedCenter"))),
    "skmtl_boosting": Method(raw(named(BOOSTING, "MultiTaskBoosting"))),
    "skmtl_heads": Method(raw(heads)),
    FRONT_DOOR: Method(raw(named("skmtl", "MultiTask"))),
}
