import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from ragged import ragged_tasks
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LassoCV, LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
)

from skmtl.baselines import IndependentTasks, PooledTasks
from skmtl.model_selection import LeaveOneTaskOut, TaskKFold, TaskTimeSeriesSplit


@st.composite
def labelled_rows(draw):
    """Draw a table with its task in the first column, and the number of folds."""
    X, _, _, task = draw(ragged_tasks(max_tasks=5, max_rows=12))
    return np.c_[task, X], task, draw(st.integers(2, max(2, min(5, len(X)))))


def fold_of(splitter, *args, **kwargs):
    """Return the fold of each row, having seen that folds part the rows."""
    fold = np.full(len(args[0]), -1)
    for f, (train, test) in enumerate(splitter.split(*args, **kwargs)):
        assert_array_equal(np.sort(np.r_[train, test]), np.arange(fold.size))
        assert (fold[test] == -1).all()
        assert (np.diff(train) > 0).all()
        assert (np.diff(test) > 0).all()
        fold[test] = f
    assert fold.min() >= 0
    return fold


def spread(fold, n_folds):
    """Return the largest difference between the sizes of two folds."""
    size = np.bincount(fold, minlength=n_folds)
    return size.max() - size.min()


@given(labelled_rows(), st.booleans())
def test_folds_differ_by_one_row_in_every_task_and_in_total(rows, shuffle):
    X, task, k = rows
    if len(X) < k:
        return
    fold = fold_of(TaskKFold(k, task_feature=0, shuffle=shuffle), X)
    assert spread(fold, k) <= 1
    for t in np.unique(task):
        assert spread(fold[task == t], k) <= 1


@given(labelled_rows(), st.integers(0, 2**32 - 1))
def test_only_the_order_within_a_task_matters(rows, seed):
    X, task, k = rows
    if len(X) < k:
        return
    place = np.random.default_rng(seed).permutation(len(X))
    # Tasks are interleaved anew while each keeps the order of its rows.
    shuffled = task[place]
    order = np.empty(len(X), int)
    for t in np.unique(task):
        order[shuffled == t] = np.flatnonzero(task == t)
    splitter = TaskKFold(k, task_feature=0)
    assert_array_equal(fold_of(splitter, X[order]), fold_of(splitter, X)[order])


@given(labelled_rows())
def test_classes_are_spread_within_each_task(rows):
    X, task, k = rows
    if len(X) < k:
        return
    y = np.array(["u", "v", "w"])[(X[:, -1] > 0).astype(int) + (X[:, -1] > 1)]
    fold = fold_of(TaskKFold(k, task_feature=0, stratify=True), X, y)
    assert spread(fold, k) <= 1
    for t in np.unique(task):
        assert spread(fold[task == t], k) <= 1
        for label in "uvw":
            assert spread(fold[(task == t) & (y == label)], k) <= 1


@given(labelled_rows(), st.integers(1, 12), st.booleans(), st.booleans())
def test_groups_are_never_on_both_sides(rows, n_groups, shuffle, stratify):
    X, _, k = rows
    groups = np.arange(len(X)) * 7 % n_groups
    y = (X[:, -1] > 0).astype(int)
    splitter = TaskKFold(k, task_feature=0, shuffle=shuffle, stratify=stratify)
    if np.unique(groups).size < k:
        with pytest.raises(ValueError, match=r"needs as many (rows|groups)"):
            next(splitter.split(X, y, groups))
        return
    for train, test in splitter.split(X, y, groups):
        assert not set(groups[train]) & set(groups[test])
        assert train.size > 0
        assert test.size > 0


def test_groups_inside_tasks_reach_every_fold():
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(6), 40)
    groups = task * 100 + rng.integers(0, 8, task.size)
    X = np.c_[rng.normal(size=task.size), task]
    fold = fold_of(TaskKFold(5, task_feature=-1), X, None, groups)
    for t in range(6):
        assert set(fold[task == t]) == set(range(5))
    assert spread(fold, 5) <= 0.1 * task.size


def test_groups_of_one_row_are_no_groups():
    task = np.repeat([0, 1, 2], [7, 12, 3])
    X = np.c_[np.arange(22.0), task]
    fold = fold_of(TaskKFold(3, task_feature=1), X, groups=np.arange(22))
    assert spread(fold, 3) <= 1
    for t in range(3):
        assert spread(fold[task == t], 3) <= 1


@given(
    st.integers(1, 6),
    st.integers(2, 4),
    st.integers(0, 2**32 - 1),
    st.floats(0.1, 0.9),
    st.booleans(),
)
def test_every_column_is_observed_in_every_training_set(
    n_tasks, k, seed, density, shuffle
):
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(40, n_tasks))
    Y[rng.random(Y.shape) > density] = np.nan
    observed = ~np.isnan(Y)
    fold = fold_of(TaskKFold(k, shuffle=shuffle), Y, Y)
    assert spread(fold, k) <= 3
    for column in observed.T[observed.sum(axis=0) >= 2]:
        assert np.unique(fold[column]).size >= 2
        assert spread(fold[column], k) <= 3


def test_columns_with_two_observed_rows_are_parted():
    Y = np.full((30, 12), np.nan)
    for t in range(12):
        Y[[2 * t, 2 * t + 1], t] = 1.0
    fold = fold_of(TaskKFold(2), Y, Y)
    assert_array_equal(fold[:24].reshape(12, 2).sum(axis=1), 1)


def test_rare_columns_are_hardly_ever_missed():
    missed = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        share = rng.choice([0.03, 0.05, 0.1, 0.3, 0.9], rng.integers(3, 25))
        observed = rng.random((60, share.size)) < share
        Y = np.where(observed, 1.0, np.nan)
        fold = fold_of(TaskKFold(rng.integers(2, 6)), Y, Y)
        columns = observed.T[observed.sum(axis=0) >= 2]
        missed += sum(np.unique(fold[column]).size == 1 for column in columns)
    assert missed <= 2


def test_complete_columns_are_dealt_like_one_task():
    X = np.arange(13.0)[:, None]
    one = fold_of(TaskKFold(3), X)
    assert_array_equal(fold_of(TaskKFold(3), X, np.ones((13, 4))), one)
    assert_array_equal(fold_of(TaskKFold(3), X, np.ones(13)), one)
    assert_array_equal(fold_of(TaskKFold(3), X, np.ones((13, 1))), one)


@pytest.mark.parametrize("as_objects", [False, True])
def test_classes_are_spread_within_each_column(as_objects):
    rng = np.random.default_rng(0)
    Y = (rng.random((60, 3)) < [0.1, 0.5, 0.9]).astype(float)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    targets = Y
    if as_objects:
        targets = np.where(np.isnan(Y), None, np.where(Y > 0, "yes", "no"))
    fold = fold_of(TaskKFold(3, stratify=True), Y, targets)
    for t in range(3):
        for label in (0, 1):
            assert spread(fold[Y[:, t] == label], 3) <= 2


def test_groups_of_rows_with_several_targets():
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(60, 4))
    Y[rng.random(Y.shape) < 0.5] = np.nan
    groups = np.arange(60) // 3
    fold = fold_of(TaskKFold(4), Y, Y, groups)
    assert all(np.unique(fold[groups == g]).size == 1 for g in range(20))
    for column in ~np.isnan(Y.T):
        assert set(fold[column]) == set(range(4))


def test_shuffling_is_reproducible_and_does_something():
    X = np.c_[np.zeros(50), np.arange(50)]
    a, b, c = (
        fold_of(TaskKFold(5, task_feature=0, shuffle=True, random_state=s), X)
        for s in (0, 0, 1)
    )
    assert_array_equal(a, b)
    assert (a != c).any()
    assert (a != fold_of(TaskKFold(5, task_feature=0), X)).any()
    groups = np.arange(50) // 2
    a, c = (
        fold_of(
            TaskKFold(5, task_feature=0, shuffle=True, random_state=s), X, groups=groups
        )
        for s in (0, 1)
    )
    assert (a != c).any()


@pytest.mark.parametrize(
    ("make", "feature"),
    [
        (lambda X: pd.DataFrame(X, columns=["task", "x"]), "task"),
        (lambda X: pl.DataFrame({"task": X[:, 0], "x": X[:, 1]}), "task"),
        (lambda X: X.tolist(), 0),
        (lambda X: X.astype(object), -2),
    ],
)
def test_all_containers_are_split_alike(make, feature):
    X = np.c_[np.arange(20) % 3, np.arange(20.0)]
    expected = fold_of(TaskKFold(4, task_feature=0), X)
    fold = fold_of(TaskKFold(4, task_feature=feature), make(X))
    assert_array_equal(fold, expected)
    times = TaskTimeSeriesSplit(2, task_feature=0).split(X)
    others = TaskTimeSeriesSplit(2, task_feature=feature).split(make(X))
    for split, other in zip(times, others, strict=True):
        assert_array_equal(np.r_[split], np.r_[other])
    left_out = LeaveOneTaskOut(feature)
    assert left_out.get_n_splits(make(X)) == 3


# Time


@given(st.integers(2, 5), st.integers(12, 30), st.integers(0, 1), st.booleans())
def test_one_task_is_scikit_learns_time_series_split(k, n_rows, gap, bounded):
    options = {"gap": gap, "max_train_size": 3 if bounded else None, "test_size": 2}
    X = np.zeros((n_rows, 2))
    ours = TaskTimeSeriesSplit(k, task_feature=None, **options).split(X)
    theirs = TimeSeriesSplit(k, **options).split(X)
    for (train, test), (other_train, other_test) in zip(ours, theirs, strict=True):
        assert_array_equal(train, other_train)
        assert_array_equal(test, other_test)


@given(labelled_rows(), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_training_rows_come_before_test_rows_of_their_task(rows, gap, seed):
    X, task, k = rows
    time = np.random.default_rng(seed).permutation(len(X)) // 2
    table = np.c_[X, time]
    splitter = TaskTimeSeriesSplit(k, task_feature=0, gap=gap, time=-1)
    tested = []
    try:
        for train, test in splitter.split(table):
            for t in np.unique(task[test]):
                before = time[train][task[train] == t]
                assert before.size > 0
                assert before.max() < time[test][task[test] == t].min()
            assert set(task[train]) <= set(task[test])
            tested += test.tolist()
    except ValueError as error:
        assert "No task has enough rows" in str(error)  # noqa: PT017
    assert len(tested) == len(set(tested))


def test_short_tasks_join_the_last_splits():
    task = np.repeat([0, 1, 2], [12, 3, 1])
    X = np.c_[task, np.zeros(16)]
    sizes = [
        (np.bincount(task[train], minlength=3), np.bincount(task[test], minlength=3))
        for train, test in TaskTimeSeriesSplit(3, task_feature=0).split(X)
    ]
    assert_array_equal([train for train, _ in sizes], [[3, 0, 0], [6, 1, 0], [9, 2, 0]])
    assert_array_equal([test for _, test in sizes], [[3, 0, 0], [3, 1, 0], [3, 1, 0]])


def test_rows_can_be_ordered_by_dates():
    days = pd.to_datetime(["2020-01-04", "2020-01-01", "2020-01-03", "2020-01-02"])
    for make in (pd.DataFrame, pl.DataFrame):
        X = make({"shop": list("aaaa"), "day": days.to_numpy()})
        splitter = TaskTimeSeriesSplit(2, task_feature="shop", time="day")
        splits = [(train.tolist(), test.tolist()) for train, test in splitter.split(X)]
        assert splits == [([1, 3], [2]), ([1, 2, 3], [0])]
    X = pd.DataFrame({"shop": list("aa"), "day": [days[0], pd.NaT]})
    with pytest.raises(ValueError, match="missing"):
        next(splitter.split(X))


# Unseen tasks


@given(labelled_rows())
def test_leaving_out_tasks_is_leaving_out_groups(rows):
    X, task, _ = rows
    splitter = LeaveOneTaskOut(0)
    if np.unique(task).size < 2:
        with pytest.raises(ValueError, match="at least two tasks"):
            splitter.get_n_splits(X)
        return
    theirs = list(LeaveOneGroupOut().split(X, groups=task))
    assert splitter.get_n_splits(X) == len(theirs)
    for split, other in zip(splitter.split(X), theirs, strict=True):
        assert_array_equal(np.r_[split], np.r_[other])


# With scikit-learn


def problem(n_rows=60):
    rng = np.random.default_rng(0)
    school = rng.choice(["a", "b", "c"], n_rows)
    X = pd.DataFrame({"x": rng.normal(size=n_rows), "school": school})
    return X, X["x"] * X["school"].map({"a": -1, "b": 0, "c": 1}).to_numpy()


@pytest.mark.parametrize(
    "cv",
    [
        TaskKFold(3, task_feature="school"),
        TaskTimeSeriesSplit(3, task_feature="school"),
        LeaveOneTaskOut("school"),
    ],
)
def test_splitters_work_in_searches_and_survive_copies(cv):
    X, y = problem()
    model = IndependentTasks(Ridge(), task_feature="school")
    search = GridSearchCV(model, {"estimator__alpha": [0.1, 1.0]}, cv=cv).fit(X, y)
    assert search.n_splits_ == 3
    scores = cross_val_score(model, X, y, cv=pickle.loads(pickle.dumps(cv)))
    assert_array_equal(scores, cross_val_score(model, X, y, cv=clone(cv, safe=False)))
    assert repr(cv).startswith(type(cv).__name__)
    assert "school" in repr(cv)


def test_number_of_splits_needs_no_table():
    assert TaskKFold(4).get_n_splits() == 4
    assert TaskTimeSeriesSplit(3, task_feature=0).get_n_splits() == 3


def test_splitters_serve_inside_other_estimators():
    X, y = problem()
    table = np.c_[X["x"], X["school"] == "a"]
    cv = TaskKFold(3, task_feature=-1)
    LassoCV(cv=cv, alphas=[0.1, 0.2]).fit(table, y)


@pytest.mark.parametrize("routing", [False, True])
def test_groups_reach_the_splitter_from_a_search(routing):
    X, y = problem()
    groups = np.arange(60) // 4
    cv = TaskKFold(3, task_feature="school")
    model = PooledTasks(Ridge(), task_feature="school")
    expected = cross_val_score(model, X, y, cv=list(cv.split(X, y, groups)))
    with config_context(enable_metadata_routing=routing):
        passed = {"params": {"groups": groups}} if routing else {"groups": groups}
        assert_array_equal(cross_val_score(model, X, y, cv=cv, **passed), expected)
        search = GridSearchCV(model, {"estimator__alpha": [1.0]}, cv=cv)
        search.fit(X, y, groups=groups)
    found = [search.cv_results_[f"split{f}_test_score"][0] for f in range(3)]
    assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_missing_targets_in_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    Y = (X @ rng.normal(size=(2, 3)) > 0).astype(float)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    model = IndependentTasks(LogisticRegression())
    for cv in (TaskKFold(3), TaskKFold(3, stratify=True)):
        found = cross_validate(model, X, Y, cv=cv, scoring=lambda m, X, Y: 1.0)
        assert_array_equal(found["test_score"], 1.0)
    # What the documentation says of scikit-learn's own ways.
    with pytest.raises(ValueError, match="NaN"):
        cross_val_score(model, X, Y, cv=3)
    with pytest.raises(ValueError, match="NaN"):
        cross_val_score(
            model, X, Y, cv=KFold(3), scoring="accuracy", error_score="raise"
        )


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: TaskKFold(1), "n_splits must be an integer of at least 2"),
        (lambda: TaskKFold(2.0), "n_splits must be an integer"),
        (lambda: TaskKFold(True), "n_splits must be an integer"),
        (lambda: TaskKFold(random_state=0), "unless shuffle=True"),
        (lambda: TaskTimeSeriesSplit(2, task_feature=0, gap=-1), "gap must be"),
        (lambda: TaskTimeSeriesSplit(2, task_feature=0, test_size=0), "test_size"),
        (lambda: LeaveOneTaskOut(None), "needs a task_feature"),
    ],
)
def test_bad_settings_are_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


X4 = np.c_[[0, 0, 1, 1], np.zeros(4)]


@pytest.mark.parametrize(
    ("splitter", "args", "match"),
    [
        (TaskKFold(5, task_feature=0), (X4,), "n_splits=5 needs as many rows, but got"),
        (TaskKFold(2, task_feature="t"), (X4,), "no \\(string\\) names"),
        (TaskKFold(2, task_feature=5), (X4,), "not a column of X"),
        (TaskKFold(2, task_feature=0, stratify=True), (X4,), "needs y"),
        (
            TaskKFold(2, task_feature=0, stratify=True),
            (X4, [0.5, 1.5, 2.5, 3.5]),
            "continuous",
        ),
        (
            TaskKFold(2, task_feature=0, stratify=True),
            (X4, np.eye(4)),
            "multilabel-indicator",
        ),
        (TaskTimeSeriesSplit(3, task_feature=0), (X4,), "No task has enough rows"),
        (LeaveOneTaskOut(0), (None,), "needs X"),
    ],
)
def test_tables_that_cannot_be_split_are_refused(splitter, args, match):
    with pytest.raises(ValueError, match=match):
        list(splitter.split(*args))


@pytest.mark.parametrize(
    "splitter", [TaskTimeSeriesSplit(2, task_feature=0), LeaveOneTaskOut(0)]
)
def test_useless_groups_are_mentioned(splitter):
    X = np.c_[np.arange(8) % 2, np.zeros(8)]
    with pytest.warns(UserWarning, match="ignores groups"):
        list(splitter.split(X, groups=np.arange(8)))
