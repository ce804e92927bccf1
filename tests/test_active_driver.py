"""The driver buys what it may, loses nothing and can be interrupted anywhere."""

import builtins
import logging
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skmtl.active._driver import run_active_learning
from skmtl.active._history import History
from skmtl.active._pool import PoolOracle
from skmtl.datasets import make_source_tasks
from skmtl.linear import HierarchicalRegressor


class Learner(BaseEstimator):
    """Keep all tables, and ask for more of tasks with a larger mean of y.

    Half of the money goes to the task with the largest mean of those that are left, the
    rest to the others.
    """

    def __init__(self, target_task=None, task_feature=-1, costs=None):
        self.target_task = target_task
        self.task_feature = task_feature
        self.costs = costs

    def fit(self, X, y):
        self.rows_ = {}
        self.partial_fit(X, y)
        self.exploring_ = True
        return self

    def partial_fit(self, X, y):
        if hasattr(X, "columns"):
            tf = self.task_feature
            names = list(X.columns)
            name = tf if isinstance(tf, str) else names[tf]
            labels = X[name].to_list()
            kept = [c for c in names if c != name]
            features = np.column_stack([X[c].to_numpy() for c in kept])
        else:
            X = X.toarray() if sparse.issparse(X) else X
            labels = X[:, self.task_feature].tolist()
            features = np.delete(X, self.task_feature, axis=1)
        assert features.shape[0] == len(labels) == len(y)
        for label, x, value in zip(labels, features.tolist(), y, strict=True):
            self.rows_.setdefault(label, []).append([*x, float(value)])
        self.tasks_, self.exploring_ = np.array(sorted(self.rows_)), False
        self.expected_risk_ = 1.0 / sum(map(len, self.rows_.values()))
        return self

    def query(self, budget, *, available=None):
        assert set(self.tasks_.tolist()) <= set(available)
        price = self.costs or dict.fromkeys(available, 1)
        order = [t for t in self.tasks_.tolist() if available[t] > 0]
        order.sort(key=lambda t: -np.mean([row[-1] for row in self.rows_[t]]))
        others = max(len(order) - 1, 1)
        share = [0.5 if len(order) > 1 else 1.0, *[0.5 / others] * others]
        pairs = zip(order, share, strict=False)
        return {task: int(part * budget / price[task]) for task, part in pairs}


def pool(n_tasks=4, n_rows=60, *, frame=False, seed=0):
    rng = np.random.default_rng(seed)
    task = rng.permutation(np.repeat(np.arange(n_tasks), n_rows))
    X = np.column_stack([rng.normal(size=(task.size, 2)), task])
    y = task + rng.normal(size=task.size)
    if not frame:
        return X, y
    labels = [f"t{t}" for t in task]
    return pd.DataFrame({"a": X[:, 0], "task": labels, "b": X[:, 1]}), pd.Series(y)


def source_pool(**options):
    """Return an oracle of all tasks but the first, and the rows of that one."""
    X, y = pool(**options)
    if options.get("frame"):
        here, feature = X["task"] == "t0", "task"
    else:
        here, feature = X[:, -1] == 0, -1
    oracle = PoolOracle(X[~here], y[~here], task_feature=feature, random_state=1)
    return oracle, (X[here], y[here])


def same_rows(a, b):
    assert list(a.rows_) == list(b.rows_)
    for task, rows in a.rows_.items():
        np.testing.assert_array_equal(rows, b.rows_[task])


# --- the pool -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["array", "pandas", "polars", "sparse", "objects"])
def test_pool_hands_out_every_row_once_in_its_own_container(kind):
    frame, y = pool(frame=True)
    codes = frame.assign(task=frame["task"].str[1:].astype(int))
    X, feature = {
        "array": (codes.to_numpy(), 1),
        "pandas": (frame, "task"),
        "polars": (pl.DataFrame(frame.to_dict("list")), "task"),
        "sparse": (sparse.csr_matrix(codes.to_numpy(float)), 1),
        "objects": (frame.to_numpy(), 1),
    }[kind]
    oracle = PoolOracle(X, y, task_feature=feature, random_state=0)
    seen = []
    for task in oracle.tasks:
        while oracle.available[task]:
            part, target = oracle(task, 7)
            assert part.shape[1] == 2
            assert isinstance(target, pd.Series)
            if kind in ("pandas", "polars"):
                assert type(part) is type(X)
                assert list(part.columns) == ["a", "b"]
            if kind == "objects":
                assert part.dtype == np.float64
            part = part.toarray() if kind == "sparse" else np.asarray(part)
            seen += np.column_stack([part, target]).tolist()
        assert oracle(task, 3)[0].shape == (0, 2)
        assert oracle.n_drawn[task] == 60
    expected = np.column_stack([frame[["a", "b"]], y])
    np.testing.assert_array_equal(sorted(seen), sorted(expected.tolist()))


def test_pool_order_is_fixed_by_random_state_and_by_nothing_else():
    X, y = pool()
    one, other = (PoolOracle(X, y, task_feature=-1, random_state=3) for _ in range(2))
    whole = one(2, 30)[1]
    parts = []
    for n in (7, 0, 23):
        parts.append(other(2, n)[1])
        other(1, 5)
        other = pickle.loads(pickle.dumps(other))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(one.restart()(2, 30)[1], whole)
    third = PoolOracle(X, y, task_feature=-1, random_state=4)
    assert (third(2, 30)[1] != whole).any()
    assert not np.array_equal(whole, y[X[:, -1] == 2][:30])


def test_pool_says_what_is_wrong():
    X, y = pool()
    oracle = PoolOracle(X, y, task_feature=-1)
    with pytest.raises(ValueError, match=r"Unknown task 'x': the pool has 4 tasks"):
        oracle("x", 1)
    for n in (-1, 1.5, True):
        with pytest.raises(ValueError, match="whole number"):
            oracle(1, n)
    with pytest.raises(ValueError, match="240 rows of X but 239"):
        PoolOracle(X, y[1:], task_feature=-1)
    with pytest.raises(ValueError, match="not a column"):
        PoolOracle(X, y, task_feature=3)


# --- the driver -----------------------------------------------------------------------


def test_learner_gets_exactly_what_was_bought_and_history_says_it():
    oracle, target = source_pool()
    learner = Learner(target_task=0)
    result = run_active_learning(learner, oracle, 80, target=target)
    assert not hasattr(learner, "rows_")
    assert {t: len(rows) for t, rows in result.learner.rows_.items() if t} == {
        t: n for t, n in oracle.n_drawn.items() if n
    }
    assert len(result.learner.rows_[0]) == 60
    history = result.history
    assert list(history.columns) == [
        *("round", "task", "asked", "received", "spent", "expected_risk", "exploring")
    ]
    assert history["received"].sum() == history["spent"].sum() == result.spent
    assert 75 <= result.spent <= 80
    first = history[history["round"] == 0]
    assert first["received"].tolist() == [3, 3, 3]
    assert first["exploring"].all()
    assert not history[history["round"] == 1]["exploring"].any()
    assert history["round"].max() == 5
    spent = history.groupby("round")["spent"].sum().cumsum().to_numpy()
    limit = 80 * 8.0 ** (np.arange(6) / 5 - 1)
    assert (spent <= limit + 1e-9).all()
    assert (spent > limit - 4).all()
    risk = history.groupby("round")["expected_risk"].agg(["min", "max"])
    np.testing.assert_array_equal(risk["min"], risk["max"])
    np.testing.assert_allclose(risk["max"], 1.0 / (60 + spent))


@pytest.mark.parametrize("n_rounds", [1, 2, 4, 9])
@pytest.mark.parametrize("budget", [1, 2, 3, 10, 77, 10_000])
def test_budget_is_never_exceeded_and_all_ends(budget, n_rounds):
    oracle, target = source_pool()
    result = run_active_learning(
        Learner(target_task=0), oracle, budget, target=target, n_rounds=n_rounds
    )
    assert result.spent <= budget
    assert result.spent == result.history["spent"].sum()
    if budget == 10_000:
        assert not any(oracle.available.values())
    assert (result.history["received"] <= result.history["asked"]).all()


def test_costs_are_money():
    costs = {1.0: 0.5, 2.0: 3.0, 3.0: 7.0, "not a task": 1.0}
    oracle, target = source_pool()
    result = run_active_learning(
        Learner(target_task=0), oracle, 100.0, target=target, costs=costs
    )
    history = result.history
    price = history["task"].map(costs)
    np.testing.assert_allclose(history["spent"], price * history["received"])
    assert result.spent == pytest.approx(history["spent"].sum())
    assert 80 < result.spent <= 100.0
    assert result.learner.costs == costs
    same = run_active_learning(
        Learner(target_task=0, costs=costs),
        oracle.restart(),
        100.0,
        target=target,
    )
    pd.testing.assert_frame_equal(same.history, history)


def test_money_too_short_for_one_row_of_each_buys_the_cheapest():
    oracle, target = source_pool()
    costs = {1.0: 5.0, 2.0: 1.0, 3.0: 20.0}
    result = run_active_learning(
        Learner(target_task=0), oracle, 7.0, target=target, costs=costs, n_rounds=1
    )
    assert result.history["task"].tolist() == [1.0, 2.0]
    assert result.spent == 6.0


def test_a_greedy_learner_is_cut_to_the_budget():
    class Greedy(Learner):
        def query(self, budget, *, available=None):
            return dict.fromkeys(available, 10 * budget)

    oracle, target = source_pool()
    result = run_active_learning(Greedy(target_task=0), oracle, 50, target=target)
    assert 45 <= result.spent <= 50
    assert oracle.tasks == [1.0, 2.0, 3.0]


def test_what_a_short_task_leaves_is_spent_on_others():
    X, y = pool()
    few = np.flatnonzero(X[:, -1] == 3)[5:]
    X, y = np.delete(X, few, axis=0), np.delete(y, few)
    here = X[:, -1] == 0
    # Only what it returns tells that a task is exhausted.
    for told in (True, False):
        held = PoolOracle(X[~here], y[~here], task_feature=-1, random_state=0)
        result = run_active_learning(
            Learner(target_task=0),
            held if told else lambda task, n, held=held: held(task, n),
            60,
            target=(X[here], y[here]),
            tasks=[1, 2, 3],
        )
        assert held.n_drawn[3] == 5
        assert 55 <= result.spent <= 60


@pytest.mark.parametrize("nothing", ["none", "empty"])
def test_tasks_that_give_nothing_do_not_stop_the_run(nothing):
    oracle, target = source_pool()

    def some(task, n):
        if task == 3:
            return None if nothing == "none" else (np.zeros((0, 2)), np.zeros(0))
        return oracle(task, n)

    learner = Learner(target_task=0)
    result = run_active_learning(learner, some, 40, target=target, tasks=[1, 2, 3])
    assert set(result.learner.rows_) == {0.0, 1.0, 2.0}
    assert (result.history["task"] == 3).sum() == 1
    assert result.spent >= 35
    alone = run_active_learning(
        learner, lambda task, n: None, 40, target=target, tasks=[1, 2, 3]
    )
    assert set(alone.learner.rows_) == {0.0}
    assert alone.spent == alone.history["received"].sum() == 0


def test_rows_beyond_those_asked_are_free():
    oracle, target = source_pool()
    result = run_active_learning(
        Learner(target_task=0),
        lambda task, n: oracle(task, n + 1),
        20,
        target=target,
        tasks=[1, 2, 3],
    )
    history = result.history
    assert (history["received"] == history["asked"] + 1).all()
    assert history["spent"].tolist() == history["asked"].tolist()


# --- interruption ---------------------------------------------------------------------


class Flaky:
    """Raise once, at some call: before rows are drawn, or after."""

    def __init__(self, oracle, at, *, after=False):
        self.oracle, self.at, self.after, self.calls = oracle, at, after, 0
        self.tasks = oracle.tasks

    def __call__(self, task, n):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt if self.after else ConnectionError("no answer")
        return self.oracle(task, n)


def whole_run():
    oracle, target = source_pool()
    return run_active_learning(Learner(target_task=0), oracle, 80, target=target)


@pytest.mark.parametrize("at", [1, 2, 4, 5, 9, 13])
@pytest.mark.parametrize("new_process", [True, False])
def test_an_interrupted_run_ends_as_one_without_interruption(at, new_process, tmp_path):
    expected = whole_run()
    path = tmp_path / "run.pkl"
    oracle, target = source_pool()
    learner = Learner(target_task=0)
    with pytest.raises(ConnectionError) as caught:
        run_active_learning(
            learner, Flaky(oracle, at), 80, target=target, checkpoint=path
        )
    bought = sum(oracle.n_drawn.values())
    assert sum(caught.value.checkpoint.received().values()) == bought
    if new_process:
        oracle, target = source_pool()
    result = run_active_learning(learner, oracle, 80, target=target, checkpoint=path)
    same_rows(result.learner, expected.learner)
    pd.testing.assert_frame_equal(result.history, expected.history)
    assert result.spent == expected.spent == sum(oracle.n_drawn.values())
    # What is complete stays what it is, and costs nothing.
    again = run_active_learning(learner, oracle, 80, target=target, checkpoint=path)
    pd.testing.assert_frame_equal(again.history, expected.history)
    assert sum(oracle.n_drawn.values()) == expected.spent


def test_an_exception_carries_what_was_received():
    expected = whole_run()
    oracle, target = source_pool()
    learner = Learner(target_task=0)
    with pytest.raises(KeyboardInterrupt) as caught:
        run_active_learning(learner, Flaky(oracle, 6, after=True), 80, target=target)
    state = pickle.loads(pickle.dumps(caught.value.checkpoint))
    assert state.received() == {t: n for t, n in oracle.n_drawn.items() if n}
    result = run_active_learning(learner, oracle, 80, target=target, checkpoint=state)
    same_rows(result.learner, expected.learner)


def test_a_callback_can_stop_a_run_between_rounds(tmp_path):
    expected = whole_run()
    oracle, target = source_pool()
    path = tmp_path / "run.pkl"
    reports = []

    def stop(report):
        reports.append(report)
        if report.round == 2:
            raise InterruptedError

    learner = Learner(target_task=0)
    with pytest.raises(InterruptedError):
        run_active_learning(
            learner, oracle, 80, target=target, checkpoint=path, callback=stop
        )
    assert [report.round for report in reports] == [0, 1, 2]
    assert reports[-1].spent == sum(oracle.n_drawn.values())
    result = run_active_learning(learner, oracle, 80, target=target, checkpoint=path)
    same_rows(result.learner, expected.learner)


def test_a_file_cut_anywhere_resumes_from_what_is_whole(tmp_path):
    expected = whole_run()
    path = tmp_path / "run.pkl"
    learner, (oracle, target) = Learner(target_task=0), source_pool()
    run_active_learning(learner, oracle, 80, target=target, checkpoint=path)
    content = path.read_bytes()
    for end in np.linspace(0, len(content) - 1, 12).astype(int):
        path.write_bytes(content[:end])
        oracle, target = source_pool()
        result = run_active_learning(
            learner, oracle, 80, target=target, checkpoint=path
        )
        same_rows(result.learner, expected.learner)
        assert path.read_bytes() == content


def test_rows_drawn_before_the_run_are_not_drawn_again(tmp_path):
    learner, path = Learner(target_task=0), tmp_path / "run.pkl"

    def begin():
        X, y = pool()
        oracle = PoolOracle(X, y, task_feature=-1, random_state=0)
        oracle(1, 11)
        return oracle, oracle(0, 20)

    oracle, target = begin()
    expected = run_active_learning(learner, oracle, 80, target=target)
    oracle, target = begin()
    with pytest.raises(ConnectionError):
        run_active_learning(
            learner, Counted(oracle, 7), 80, target=target, checkpoint=path
        )
    oracle, target = begin()
    result = run_active_learning(learner, oracle, 80, target=target, checkpoint=path)
    same_rows(result.learner, expected.learner)


class Counted(Flaky):
    """Tell what was drawn, as the pool does."""

    @property
    def n_drawn(self):
        return self.oracle.n_drawn


def test_a_task_that_is_gone_can_be_left_out_when_resuming(tmp_path):
    path, (oracle, target) = tmp_path / "run.pkl", source_pool()
    learner = Learner(target_task=0)
    with pytest.raises(ConnectionError):
        run_active_learning(
            learner, Flaky(oracle, 6), 80, target=target, checkpoint=path
        )
    drawn = dict(oracle.n_drawn)
    result = run_active_learning(
        learner, oracle, 80, target=target, tasks=[1.0, 3.0], checkpoint=path
    )
    assert oracle.n_drawn[2] == drawn[2] == len(result.learner.rows_[2])
    assert 75 <= result.spent <= 80


def test_a_checkpoint_is_not_mixed_with_another_target(tmp_path):
    path, (oracle, target) = tmp_path / "run.pkl", source_pool()
    learner = Learner(target_task=0)
    run_active_learning(learner, oracle, 20, target=target, checkpoint=path)
    other = target[0][1:], target[1][1:]
    with pytest.raises(ValueError, match="other target rows"):
        run_active_learning(learner, oracle, 20, target=other, checkpoint=path)


def test_a_malformed_answer_is_named(tmp_path):
    oracle, target = source_pool()
    for bad, error in ((np.zeros((3, 2)), TypeError), (([[1.0]], [1, 2]), ValueError)):
        with pytest.raises(error, match=r"oracle should return|inconsistent"):
            run_active_learning(
                Learner(target_task=0),
                lambda task, n, bad=bad: bad if task == 2 else oracle(task, n),
                20,
                target=target,
                tasks=[1, 2],
            )


# --- tables ---------------------------------------------------------------------------


@pytest.mark.parametrize("with_column", [True, False])
@pytest.mark.parametrize("position", [0, 1, -1, -2])
def test_arrays_get_the_task_column_where_the_learner_looks(position, with_column):
    X, y = pool()
    X = np.insert(X[:, :2], position % 3, X[:, -1], axis=1)
    here = X[:, position] == 0
    oracle = PoolOracle(X[~here], y[~here], task_feature=position, random_state=0)
    table = X[here] if with_column else np.delete(X[here], position, axis=1)
    result = run_active_learning(
        Learner(target_task=0, task_feature=position),
        oracle,
        30,
        target=(table, y[here]),
    )
    rows = sorted(row for part in result.learner.rows_.values() for row in part)
    known = {tuple(row) for row in np.column_stack([np.delete(X, position, 1), y])}
    assert set(map(tuple, rows)) <= known
    assert len(result.learner.rows_[0]) == here.sum()


@pytest.mark.parametrize("with_column", [True, False])
@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("task_feature", ["task", 1])
def test_frames_keep_their_columns(kind, with_column, task_feature):
    oracle, (X, y) = source_pool(frame=True)
    if not with_column:
        X = X.drop(columns="task")
    if kind == "polars":
        rows, targets = pool(frame=True)
        there = (rows["task"] != "t0").to_numpy()
        frame = pl.DataFrame(rows[there].to_dict("list"))
        oracle = PoolOracle(frame, targets[there], task_feature="task", random_state=1)
        X, y = pl.DataFrame(X.to_dict("list")), y.to_numpy()
    before = X.to_dict(as_series=False) if kind == "polars" else X.to_dict("list")
    learner = Learner(target_task="t0", task_feature=task_feature)
    result = run_active_learning(learner, oracle, 30, target=(X, y))
    assert set(result.learner.rows_) == {"t0", "t1", "t2", "t3"}
    full, targets = pool(frame=True)
    known = {tuple(row) for row in np.column_stack([full[["a", "b"]], targets])}
    for rows in result.learner.rows_.values():
        assert set(map(tuple, rows)) <= known
    after = X.to_dict(as_series=False) if kind == "polars" else X.to_dict("list")
    assert after == before


def test_columns_of_frames_follow_the_target_not_the_oracle():
    oracle, (X, y) = source_pool(frame=True)
    turned = run_active_learning(
        Learner(target_task="t0", task_feature="task"),
        oracle,
        30,
        target=(X[["b", "task", "a"]], y),
    )
    row = turned.learner.rows_["t1"][0]
    full, targets = pool(frame=True)
    at = np.flatnonzero(targets == row[-1])[0]
    assert row[:2] == full.loc[at, ["b", "a"]].tolist()


def test_text_labels_in_arrays_and_sparse_tables():
    X, y = pool()
    labels = np.array([f"t{int(t)}" for t in X[:, -1]], dtype=object)
    objects = np.column_stack([X[:, :2].astype(object), labels])
    here = labels == "t0"
    oracle = PoolOracle(objects[~here], y[~here], task_feature=-1, random_state=0)
    result = run_active_learning(
        HierarchicalWithQuery(task_feature=-1),
        oracle,
        30,
        target=(objects[here], y[here]),
    )
    assert result.learner.tasks_.tolist() == ["t0", "t1", "t2", "t3"]
    table = sparse.csr_matrix(X)
    there = X[:, -1] != 0
    oracle = PoolOracle(table[there], y[there], task_feature=-1, random_state=0)
    result = run_active_learning(
        Learner(target_task=0), oracle, 30, target=(table[~there], y[~there])
    )
    assert set(result.learner.rows_) == {0.0, 1.0, 2.0, 3.0}


class HierarchicalWithQuery(HierarchicalRegressor):
    def query(self, budget, *, available=None):
        return {task: budget for task, n in available.items() if n}


def test_a_fitted_learner_goes_on_without_target():
    oracle, target = source_pool()
    first = run_active_learning(Learner(target_task=0), oracle, 30, target=target)
    more = run_active_learning(first.learner, oracle, 30, n_rounds=2)
    assert more.history["round"].nunique() == 2
    assert not more.history["exploring"].any()
    assert sum(map(len, more.learner.rows_.values())) == 60 + first.spent + more.spent
    assert sum(map(len, first.learner.rows_.values())) == 60 + first.spent
    with pytest.raises(NotFittedError):
        run_active_learning(Learner(target_task=0), oracle, 30)


def test_generated_problem_with_its_oracle():
    problem = make_source_tasks(6, 30, 8, random_state=0)
    learner = Learner(target_task="target", task_feature="task")
    result = run_active_learning(
        learner, problem.oracle, 100, target=(problem.data, problem.target)
    )
    assert set(result.learner.rows_) == {*problem.source_tasks, "target"}
    assert problem.oracle.n_drawn["target"] == 0


# --- arguments and reports ------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0}, "budget must be a positive finite number, got 0"),
        ({"budget": np.inf}, "budget must be a positive finite number, got inf"),
        ({"n_rounds": 0}, "n_rounds must be 'auto' or an int >= 1, got 0"),
        ({"n_rounds": "all"}, "n_rounds must be 'auto' or an int >= 1, got 'all'"),
        ({"tasks": []}, "at least one"),
        ({"tasks": [1, 1]}, "different labels"),
        ({"tasks": [0, 1]}, "0 is the target"),
        ({"costs": {1.0: 1.0}}, r"no entry for the tasks \[2.0, 3.0\]"),
        ({"costs": dict.fromkeys([1, 2, 3], 0.0)}, "costs must be positive"),
        ({"oracle": lambda task, n: None}, "oracle has no attribute tasks"),
        ({"learner": Learner(task_feature=None)}, "task_feature is None"),
        ({"learner": Learner(task_feature="task")}, "names a column"),
        ({"learner": Learner(task_feature=5)}, "task_feature=5 is not a column"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    oracle, target = source_pool()
    arguments = {"learner": Learner(target_task=0), "oracle": oracle, "budget": 20}
    with pytest.raises(ValueError, match=message):
        run_active_learning(**arguments | {"target": target} | changes)


def test_targets_that_do_not_fit_are_named():
    oracle, (X, y) = source_pool()
    with pytest.raises(ValueError, match="target rows have 1 columns and bought"):
        run_active_learning(Learner(target_task=0), oracle, 20, target=(X[:, :1], y))
    with pytest.raises(ValueError, match="target rows have no task column"):
        run_active_learning(Learner(), oracle, 20, target=(X[:, :2], y))


def test_rounds_are_logged_on_demand(caplog):
    oracle, target = source_pool()
    learner = Learner(target_task=0)
    with caplog.at_level(logging.INFO, logger="skmtl"):
        run_active_learning(learner, oracle, 20, target=target)
        assert not caplog.records
        run_active_learning(learner, oracle.restart(), 20, target=target, verbose=True)
    assert "Round 0: 3 rows of 3 tasks, 3 of 20 spent" in caplog.text


def test_history_without_pandas_reads_alike(monkeypatch):
    expected = whole_run().history
    real = builtins.__import__

    def without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    history = whole_run().history
    assert isinstance(history, History)
    assert len(history) == len(expected)
    for name in expected:
        assert history[name].tolist() == expected[name].tolist()
    assert len(repr(history).splitlines()) <= 22
