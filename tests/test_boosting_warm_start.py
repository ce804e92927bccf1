"""Laws of boosting that goes on where an earlier fit stopped."""

import pickle
from collections import Counter

import numpy as np
import pytest
from sklearn.base import clone

from skmtl.boosting import MultiTaskBoostingClassifier as Classifier
from skmtl.boosting import MultiTaskBoostingRegressor as Regressor
from skmtl.boosting import _grower, _growth, _mixture
from skmtl.datasets import make_task_deviations

pytestmark = pytest.mark.nojit_skip

STRUCTURES = ["auto", "blocks"]
WARM = {"task_feature": "task", "warm_start": True, "cv": 2}


@pytest.fixture(scope="module")
def data():
    """Return a frame of tasks, and their targets."""
    return make_task_deviations(
        n_tasks=4, n_samples=40, return_X_y=True, random_state=0
    )


def go_on(model, X, y, *max_iter):
    """Fit a copy again and again, with more and more rounds."""
    model = clone(model)
    for rounds in max_iter:
        model.set_params(max_iter=rounds).fit(X, y)
    return model


def content(value):
    """Return what a record holds, to the last bit."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.ndarray | list | tuple):
        return [content(part) for part in value]
    if isinstance(value, dict):
        return {name: content(part) for name, part in value.items()}
    return content(vars(value)) if hasattr(value, "__dict__") else repr(value)


def learned(model):
    """Return all that a model is but for what it keeps to go on."""
    return {k: content(v) for k, v in vars(model).items() if k != "_memory"}


@pytest.fixture
def grown(monkeypatch):
    """Count the trees over the rows of all tasks."""
    count, plain = Counter(), _grower.grow

    def grow(*args, **kwargs):
        count["trees"] += 1
        return plain(*args, **kwargs)

    for module in (_grower, _growth, _mixture):
        monkeypatch.setattr(module, "grow", grow)
    return count


@pytest.mark.parametrize("structure", STRUCTURES)
# Looks come every fifth round, also where 20 rounds or 22 end in between.
@pytest.mark.parametrize("steps", [(20, 40), (22, 40), (3, 16, 17, 40), (40, 40)])
def test_going_on_is_starting_over_at_less_cost(data, grown, structure, steps):
    fresh = go_on(Regressor(**WARM, structure=structure), *data, steps[-1])
    whole = grown.pop("trees")
    longer = go_on(Regressor(**WARM, structure=structure), *data, *steps[:-1])
    before = grown.pop("trees")
    longer.set_params(max_iter=steps[-1]).fit(*data)
    assert learned(longer) == learned(fresh)
    assert before > 0
    assert grown["trees"] < 0.95 * whole


@pytest.mark.parametrize("structure", STRUCTURES)
def test_scores_that_ended_by_themselves_grow_no_more(data, grown, structure):
    X, y = data
    noise = np.random.default_rng(0).normal(size=len(y))
    model = go_on(Regressor(**WARM, structure=structure), X, noise, 100)
    n_rounds = model.n_rounds_
    grown.clear()
    model.set_params(max_iter=200).fit(X, noise)
    # In blocks the booster of all rows is grown anew.
    final = 0 if structure == "auto" else 2 * n_rounds["mixture"] + n_rounds["shared"]
    assert grown["trees"] == final
    assert learned(model) == learned(go_on(model, X, noise, 200))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_classes_and_columns_of_y_go_on(data, structure):
    X, y = data
    place = np.digitize(y, np.quantile(y, [0.4, 0.7]))
    model = Classifier(**WARM, structure=structure, class_weight="balanced")
    two, one = (go_on(model, X, place, *steps) for steps in ((7, 25), (25,)))
    assert learned(two) == learned(one)
    wide = np.column_stack([y, -y, np.where(np.arange(len(y)) % 3, y, np.nan)])
    model = Regressor(warm_start=True, structure=structure, cv=2)
    X = X.drop(columns="task")
    two, one = (go_on(model, X, wide, *steps) for steps in ((7, 25), (25,)))
    assert learned(two) == learned(one)


@pytest.mark.parametrize("loss", ["quantile", "poisson"])
def test_other_losses_go_on(data, loss):
    X, y = data
    y = np.round(np.exp(y / y.std())) if loss == "poisson" else y
    model = Regressor(**WARM, loss=loss, quantile=0.7)
    two, one = (go_on(model, X, y, *steps) for steps in ((12, 30), (30,)))
    assert learned(two) == learned(one)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_other_data_or_parameters_start_over(data, structure):
    X, y = data
    model = Regressor(**WARM, structure=structure)
    other = y.copy()
    other.iloc[0] += 1.0
    names = X.assign(task=X["task"].to_numpy()[::-1])
    for second in ((X, other), (X[::2], y[::2]), (names, y), (X.iloc[:, 2:], y)):
        fitted = go_on(model, X, y, 8).set_params(max_iter=6).fit(*second)
        assert learned(fitted) == learned(go_on(model, *second, 6))
    fitted = go_on(model, X, y, 6).set_params(max_iter=8, l2_regularization=3.0)
    assert learned(fitted.fit(X, y)) == learned(go_on(fitted, X, y, 8))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_fewer_rounds_are_an_error_that_changes_nothing(data, structure):
    model = go_on(Regressor(**WARM, structure=structure), *data, 20)
    before = learned(model)
    with pytest.raises(ValueError, match="max_iter=10 must be at least 20"):
        model.set_params(max_iter=10).fit(*data)
    model.set_params(max_iter=20)
    assert learned(model)["_model"] == before["_model"]
    fresh = go_on(Regressor(**WARM, structure=structure), *data, 30)
    assert learned(model.set_params(max_iter=30).fit(*data)) == learned(fresh)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_fit_that_breaks_off_leaves_where_the_last_stopped(
    data, structure, monkeypatch
):
    model = go_on(Regressor(**WARM, structure=structure), *data, 20)
    plain, calls = _grower.grow, Counter()

    def break_off(*args, **kwargs):
        calls["trees"] += 1
        if calls["trees"] > 40:
            raise KeyboardInterrupt
        return plain(*args, **kwargs)

    with monkeypatch.context() as patch:
        for module in (_grower, _growth, _mixture):
            patch.setattr(module, "grow", break_off)
        with pytest.raises(KeyboardInterrupt):
            model.set_params(max_iter=60).fit(*data)
    fresh = go_on(Regressor(**WARM, structure=structure), *data, 60)
    assert learned(model.fit(*data)) == learned(fresh)


def test_a_pickle_goes_on_and_only_warm_models_carry_what_that_takes(data):
    model = go_on(Regressor(**WARM), *data, 20)
    thawed = pickle.loads(pickle.dumps(model)).set_params(max_iter=40).fit(*data)
    assert learned(thawed) == learned(go_on(Regressor(**WARM), *data, 40))
    size = len(pickle.dumps(model))
    cold = model.set_params(warm_start=False).fit(*data)
    assert cold._memory is None
    assert len(pickle.dumps(cold)) < size


def test_threads_and_new_tasks_do_not_matter_to_going_on(data):
    X, y = data
    model, names = Regressor(**WARM), X["task"].unique()
    new = (X["task"] == names[0]).to_numpy()
    fitted = go_on(model, X[~new], y[~new], 20).fit_task(X[new], y[new])
    fitted.set_params(max_iter=40, n_jobs=2).fit(X[~new], y[~new])
    fresh = go_on(model, X[~new], y[~new], 40).set_params(n_jobs=2)
    assert learned(fitted) == learned(fresh)
