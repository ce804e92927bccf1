"""Laws of the leaderboard, and of what is measured of speed and outliers."""

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks import __main__ as listing
from benchmarks import (
    accuracy,
    accuracy_runs,
    grouped_tables,
    linear_accuracy,
    linear_report,
    outlier_tasks,
    outliers,
    outliers_report,
    quick,
    records,
    rivals,
    speed,
    speed_report,
    threads,
)
from benchmarks import accuracy_report as report
from benchmarks import accuracy_tables as tables
from benchmarks import accuracy_verdicts as verdicts
from benchmarks import speed_growth as growth
from benchmarks import speed_subjects as subjects
from benchmarks.accuracy_losses import FLOOR, losses
from benchmarks.linear import Line, mean
from benchmarks.measuring import Ratio
from benchmarks.rivals import layouts, linear, trees
from benchmarks.speed_subjects import SUBJECTS, Shape


def grouped(kind="regression", sizes=(1, 2, 5, 12, 40), seed=0):
    """Return a table of ragged tasks with a gap and a category."""
    rng = np.random.default_rng(seed)
    task = rng.permutation(np.repeat([f"t{t}" for t in range(len(sizes))], sizes))
    X = pd.DataFrame(rng.normal(size=(task.size, 2)), columns=["x0", "x1"])
    X.loc[0, "x0"] = np.nan
    X["x2"] = pd.Categorical(rng.choice(["a", "b", "c"], task.size))
    y = X["x1"].to_numpy() + rng.normal(size=task.size)
    return tables.Table(X, y if kind == "regression" else (y > 0) * 1.0, task, kind)


def side_by_side(kind="regression", n_rows=100, seed=0):
    """Return a table of three targets with gaps."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 2)), columns=["x0", "x1"])
    y = 5.0 + X.to_numpy() @ rng.normal(size=(2, 3)) + rng.normal(size=(n_rows, 3))
    y = y if kind == "regression" else (y > 5.0) * 1.0
    y[rng.random(y.shape) < 0.1] = np.nan
    return tables.Table(X, y, None, kind)


def test_no_set_is_on_both_lists_and_all_are_on_one():
    lists = tables.lists()
    assert set(lists) == {"development", "confirmation", "grouped"}
    every = [name for names in lists.values() for name in names]
    assert len(set(every)) == len(every)
    assert set(tables.BUNDLED) <= set(lists["development"])
    # Those of the grouped sets that served decisions are development sets since.
    served = set(grouped_tables.CHOICES) - set(lists["grouped"])
    assert set(lists["grouped"]) < set(grouped_tables.CHOICES)
    assert served <= set(lists["development"])


@pytest.mark.parametrize("name", grouped_tables.CHOICES)
def test_a_grouped_set_is_read_as_it_was_chosen(name, tmp_path):
    choice = grouped_tables.CHOICES[name]
    columns = [choice.target, choice.task, *choice.numbers, *choice.categories]
    found = pd.DataFrame({column: [1.0, 2.0, 3.0, 4.0] for column in columns})
    found[choice.task] = ["a", "a", "b", "b"]
    found.loc[3, choice.target] = np.nan
    if choice.positive:
        found[choice.target] = ["N", "Y", "1", None]
    kept = grouped_tables.tidy(found.assign(other=1.0), choice)
    grouped_tables.write(kept, choice, tmp_path / name)
    table = tables.read(tmp_path, name)
    assert len(table.y) == len(kept) <= 3
    assert table.X.shape[1] == len(choice.numbers) + len(choice.categories)
    assert tables.categories(table.X) == [
        f"x{j:04d}" for j in range(len(choice.numbers), table.X.shape[1])
    ]
    assert set(table.task) <= {"a", "b"}
    assert not {choice.target, choice.task} & {*choice.numbers, *choice.categories}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("regime", tables.REGIMES)
def test_every_task_has_rows_to_learn_from_and_no_row_is_in_both_parts(regime, seed):
    table = grouped()
    # A feature that tells rows apart follows them into their part.
    table.X["x1"] = np.arange(len(table.y), dtype=float)
    part = tables.split(table, regime, seed)
    both = [*part.lesson.X["x1"], *part.X["x1"]]
    assert sorted(both) == list(range(len(table.y)))
    counts = pd.Series(table.task).value_counts()
    learnt = pd.Series(part.lesson.task).value_counts()
    assert set(learnt.index) == set(counts.index)
    for name, count in counts.items():
        assert learnt[name] < count or count == 1
        if regime == "few" and count > 1:
            assert learnt[name] == min(10, count // 2)
    for rows, part_rows in ((part.lesson, part.lesson.X), (part, part.X)):
        places = part_rows["x1"].astype(int).to_numpy()
        np.testing.assert_array_equal(rows.y, table.y[places])
        np.testing.assert_array_equal(rows.task, table.task[places])


def test_splits_differ_by_seed_and_repeat():
    first, again, other = (
        tables.training_rows(grouped(), "dense", seed) for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("n_rows", "size"), [(1000, 60), (49, 24)])
def test_few_rows_of_targets_side_by_side(n_rows, size):
    part = tables.split(side_by_side(n_rows=n_rows), "few", 0)
    assert part.lesson.y.shape == (size, 3)
    assert len(part.y) == n_rows - size


def test_targets_side_by_side_are_in_units_of_the_training_rows():
    part = tables.split(side_by_side(), "dense", 0)
    np.testing.assert_allclose(np.nanmean(part.lesson.y, axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(part.lesson.y, axis=0), 1.0)


def test_categories_of_the_test_rows_alone_are_missing():
    table = grouped()
    train = tables.training_rows(table, "dense", 0)
    new = np.flatnonzero(~train)[0]
    values = table.X["x2"].astype(str).to_numpy(copy=True)
    values[new] = "seen once"
    part = tables.split(
        table._replace(X=table.X.assign(x2=pd.Categorical(values))), "dense", 0
    )
    assert "seen once" not in part.lesson.X["x2"].cat.categories
    assert part.X["x2"].isna().sum() == 1


@pytest.mark.parametrize("make", [grouped, side_by_side])
def test_perfect_predictions_lose_nothing(make):
    part = tables.split(make(), "dense", 0)
    found = losses(part, part.y)
    assert found["macro"] == found["pooled"] == 0.0


@pytest.mark.parametrize("make", [grouped, side_by_side])
def test_losses_of_classes(make):
    part = tables.split(make("binary"), "dense", 0)
    right, wrong = losses(part, part.y), losses(part, 1.0 - part.y)
    assert (right["macro"], wrong["macro"]) == (0.0, 1.0)
    np.testing.assert_allclose(right["macro_log"], -np.log(1 - FLOOR))
    np.testing.assert_allclose(wrong["macro_log"], -np.log(FLOOR))
    same = losses(part, np.where(np.isnan(part.y), np.nan, 0.5))
    assert same["pooled"] == 0.5


def test_a_loss_is_the_mean_over_tasks_whatever_their_sizes():
    task = np.array(["a", "b", "b", "b"])
    lesson = tables.Lesson(pd.DataFrame(), np.zeros(4), task, "regression")
    part = tables.Part(lesson, pd.DataFrame(), np.zeros(4), task)
    found = losses(part, np.array([3.0, 1.0, 1.0, 1.0]))
    assert found["by_task"] == [3.0, 1.0]
    assert found["macro"] == 2.0
    np.testing.assert_allclose(found["pooled"], np.sqrt(3.0))


def test_predictions_that_are_not_numbers_are_refused():
    part = tables.split(grouped(), "dense", 0)
    with pytest.raises(ValueError, match="not finite"):
        losses(part, np.full(part.y.shape, np.nan))
    with pytest.raises(ValueError, match="predictions for"):
        losses(part, part.y[:-1])


@pytest.mark.parametrize("make", [grouped, side_by_side])
@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_folds_part_the_rows_and_keep_targets_of_a_row_together(make, kind):
    lesson = tables.split(make(kind), "dense", 0).lesson
    if lesson.task is None:
        lesson = layouts.stack(lesson)
    pairs = layouts.folds(lesson)
    held_out = np.concatenate([test for _, test in pairs])
    assert sorted(held_out) == list(range(len(lesson.y)))
    for train, test in pairs:
        assert not set(train) & set(test)
        if lesson.row is not None:
            assert not set(lesson.row[train]) & set(lesson.row[test])


def test_stacked_targets_are_the_observed_ones():
    lesson = tables.split(side_by_side(), "dense", 0).lesson
    stack = layouts.stack(lesson)
    assert stack.y.size == np.sum(~np.isnan(lesson.y))
    place = np.searchsorted(lesson.tasks, stack.task)
    np.testing.assert_array_equal(stack.y, lesson.y[stack.row, place])
    np.testing.assert_array_equal(stack.X, lesson.X.iloc[stack.row])


def test_a_separate_model_does_not_know_other_tasks():
    table = grouped(sizes=(30, 30))
    lesson = tables.split(table, "dense", 0).lesson
    predict = linear.METHODS["linear_separate"].fit(lesson)
    moved = lesson._replace(y=np.where(lesson.task == "t1", 100.0, lesson.y))
    again = linear.METHODS["linear_separate"].fit(moved)
    own = np.full(len(table.X), "t0")
    np.testing.assert_array_equal(predict(table.X, own), again(table.X, own))


QUICK = [
    *linear.METHODS,
    "lightgbm_category",
    "lightgbm_separate",
    "skmtl_independent",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [grouped, side_by_side])
@pytest.mark.parametrize("kind", ["regression", "binary"])
@pytest.mark.parametrize("method", QUICK)
def test_methods_answer_for_every_row(make, kind, method, monkeypatch):
    monkeypatch.setattr(trees, "ROUNDS", 20)
    sizes = {"sizes": (20, 25)} if make is grouped else {}
    part = tables.split(make(kind, **sizes), "dense", 0)
    predict = rivals.methods()[method].fit(part.lesson)
    found = losses(part, predict(part.X, part.task))
    worst = np.nanstd(part.y) * 2.0 if kind == "regression" else 0.9
    assert found["macro"] < worst


def measured(method, values, name="a", regime="dense", failure=""):
    """Return rows of results, as they are read."""
    rows = {"split": range(len(values)), "macro": values, "failure": failure}
    by_task = [f"{value} {value}" for value in values]
    shared = {"set": name, "regime": regime, "method": method, "by_task": by_task}
    return pd.DataFrame({**rows, **shared})


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([0.97, 0.98, 0.99], "win"),
        ([0.997, 0.996, 0.998], "tie"),  # surely better, by too little
        ([0.9, 1.1, 0.95], "tie"),
        ([1.001, 1.002, 1.003], "loss"),
        ([1.1, 1.0, 1.2], "loss"),
    ],
)
def test_wins_ties_and_losses(ours, verdict):
    table = pd.concat([measured("skmtl_x", ours), measured("rival", [1.0, 1.0, 1.0])])
    assert verdicts.compare(table, "skmtl_x")["verdict"].tolist() == [verdict]


def test_the_best_rival_is_no_method_of_ours_and_no_failed_one():
    parts = [
        measured("skmtl_x", [1.0, 1.0]),
        measured("skmtl_y", [0.1, 0.1]),
        measured("failed", [0.2, np.nan]),
        measured("rival", [2.0, 2.0]),
        measured("worse", [3.0, 3.0]),
    ]
    (row,) = verdicts.compare(pd.concat(parts), "skmtl_x").itertuples()
    assert (row.rival, row.verdict) == ("rival", "win")
    np.testing.assert_allclose(row.gap.mean, -0.5)


def test_who_fails_has_lost():
    table = pd.concat(
        [measured("skmtl_x", [0.5, np.nan]), measured("linear_pooled", [1.0, 1.0])]
    )
    (row,) = verdicts.compare(table, "skmtl_x").itertuples()
    assert row.verdict == "loss"
    assert row.baseline_gap.much_worse
    assert verdicts.ranks(table)[0].idxmax() == "skmtl_x"


def test_one_split_tells_nothing():
    table = pd.concat([measured("skmtl_x", [0.5]), measured("rival", [1.0])])
    compared = verdicts.compare(table, "skmtl_x")
    assert compared["verdict"].tolist() == ["unknown"]
    assert [row[2] for row in verdicts.checks(compared)][:2] == [0, 0]


def test_checks_count_sets():
    ours = {"a": [0.9, 0.9], "b": [1.0, 1.0], "c": [1.2, 1.2], "d": [1.005, 1.005]}
    parts = [measured("skmtl_x", values, name) for name, values in ours.items()]
    parts += [measured("linear_pooled", [1.0, 1.0], name) for name in ours]
    found = verdicts.checks(verdicts.compare(pd.concat(parts), "skmtl_x"))
    assert [row[2] for row in found] == [2, 1, 1]
    assert [row[-1] for row in found] == [False, True, False]


def test_ranks_and_their_critical_difference():
    parts = [
        measured(method, [value], name)
        for name in ("a", "b")
        for method, value in (("skmtl_x", 1.0), ("rival", 2.0))
    ]
    parts.append(measured("only_here", [0.0]))
    means, n_sets = verdicts.ranks(pd.concat(parts))
    assert (means.to_dict(), n_sets) == ({"skmtl_x": 1.0, "rival": 2.0}, 2)
    # Two methods: Nemenyi's test is that of a normal difference, 1.96 at 5 %.
    np.testing.assert_allclose(
        verdicts.critical_difference(2, 10), 1.96 / np.sqrt(10), rtol=1e-3
    )


def test_the_worst_task_is_that_of_mean_losses():
    ours = measured("skmtl_x", [1.0, 1.0]).assign(by_task=["1 4 nan 1", "3 4 nan 1"])
    theirs = measured("linear_separate", [1.0, 1.0])
    theirs = theirs.assign(by_task=["1 8 nan 0", "1 nan nan 0"])
    table = pd.concat([ours, theirs])
    assert verdicts.worst_ratio(table, "skmtl_x") == 2.0


def test_results_are_resumed_and_reported(tmp_path):
    path = tmp_path / "accuracy.csv"
    values = {"skmtl_automatic": 1.0, "linear_separate": 2.0, "lightgbm_category": 3.0}
    for name in ("sf1", "oxboys", "made up"):
        for split in range(2):
            for method, value in values.items():
                job = accuracy.Job(name, "few", split, method)._asdict()
                found = {"macro": value, "by_task": [value, value], "fit_cpu": 1.0}
                found |= {"pooled": value, "code": name}
                accuracy.append(path, {**job, "kind": "regression", **found})
    broken = accuracy.Job("sf1", "few", 1, "skmtl_heads")
    accuracy.append(path, {**broken._asdict(), "failure": "it | broke"})
    assert len(accuracy.done(path, retry=False)) == 19
    assert accuracy.done(path, retry=False) - accuracy.done(path, retry=True) == {
        broken
    }
    results, runs = report.read([path])
    text = report.page(results, runs, "skmtl_automatic", tmp_path)
    assert text.count("linear_separate: 2 ± 0 | -50.0% ± 0.0% | win") == 3
    # The two confirmation sets are checked together, and each in its list.
    together, *_ = text.split("## Confirmation sets")
    assert "| few | strictly better on 40% | 2 | 2 | yes |" in together
    assert text.count("strictly better on 40%") == 4
    assert "it / broke" in text
    assert "3 states of its code" in text
    assert (tmp_path / "ranks_confirmation_few.svg").exists()


def test_bars_are_bounds_of_numbers():
    assert records.met(1.0, ">= 1") == "met"
    assert records.met(0.999, ">= 1") == "missed"
    assert records.met(2.0, "<= 1.5") == "missed"
    assert records.met(2.0, "flat") == records.met(np.nan, ">= 1") == ""


def test_results_are_kept_with_what_they_were_measured_with(tmp_path):
    path = tmp_path / "deep" / "found.csv"
    records.save(path, [{"a": 1.0, "b": "x, y"}, {"a": 2.0, "c": None}], threads=1)
    first, second = records.load(path)
    assert (first["b"], second["a"], second["c"]) == ("x, y", "2", "")
    assert "numpy" in records.provenance(path)
    assert records.load(tmp_path / "nowhere.csv") == []


def test_draws_of_outliers_are_what_they_say():
    draw = outlier_tasks.Linear(0, n_tasks=8, n_samples=30, n_outliers=2, factor=10.0)
    assert draw.outlying.sum() == 2
    assert draw.train.sum() == 8 * 30
    rows = ~draw.train
    assert draw.error(10.0 * draw.signal[rows], rows) < 1e-12
    plain, reversed_ = (
        outlier_tasks.Linear(0, n_tasks=8, n_samples=30, kind=kind)
        for kind in ("distinct", "reversed")
    )
    clean = ~plain.outlying[plain.task]
    np.testing.assert_array_equal(plain.y[clean], reversed_.y[clean])
    options = {"n_tasks": 4, "n_samples": 30, "problem": "classification"}
    curved = outlier_tasks.Curved(0, n_spoilt=1, spoilt="reversed", **options)
    whole = outlier_tasks.Curved(0, n_outlier_tasks=0, **options)
    rows = curved.outlying[curved.task]
    assert curved.outlying.tolist() == [False, False, False, True]
    np.testing.assert_array_equal(curved.y[rows], 1 - whole.y[rows])
    np.testing.assert_array_equal(curved.y[~rows], whole.y[~rows])


def test_areas_and_flags_are_counted():
    outlying = np.array([False, False, True, True])
    found = outliers.quality(np.array([0.0, 2.0, 2.0, 3.0]), outlying, outlying)
    assert found == {"area": 0.875, "exact": 1, "found": 1.0, "flagged_others": 0.0}
    flagged = np.array([True, False, True, False])
    found = outliers.quality(np.zeros(4), flagged, outlying)
    assert found == {"area": 0.5, "exact": 0, "found": 0.5, "flagged_others": 0.5}


def few_draws(**more):
    """Return a row of results of outliers."""
    row = {"model": "boosting", "case": "a", "bar": ">= 1", "area": "1", "exact": "1"}
    return row | {"found": "1", "flagged_others": "0", "error": "1", **more}


def test_one_mistake_misses_a_bar_of_one_and_failures_are_told():
    assert "None." in outliers_report.missed([few_draws(), few_draws()])
    assert "0.950, bar >= 1" in outliers_report.missed(
        [few_draws(), few_draws(area="0.9")]
    )
    broken = few_draws(failure="it | broke", area="")
    assert "1 failed: it | broke" in outliers_report.missed([few_draws(), broken])
    assert "it / broke" in outliers_report.tables([few_draws(), broken])
    assert "failed: it / broke" in outliers_report.tables([broken])


def test_outliers_are_measured_and_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(outliers.LINEAR, "tiny", {"n_tasks": 8, "n_samples": 30})
    path = tmp_path / "outliers.csv"
    model = "representation, robust, rank given"
    command = f"outliers|--models|{model}|--cases|tiny|--seeds|2|--out"
    monkeypatch.setattr(sys, "argv", [*command.split("|"), str(path)])
    outliers.main()
    rows = records.load(path)
    assert [row["seed"] for row in rows] == ["0", "1"]
    assert not any(row.get("failure") for row in rows)
    assert all(float(row["plain"]) > 0.0 for row in rows)
    assert "| tiny | 2 |" in capsys.readouterr().out
    assert "| tiny | 2 |" in outliers_report.page(path)


def test_what_fails_is_a_row_with_the_reason():
    chosen = [("center, robust", "broken", outlier_tasks.Linear, {"kind": "?"}, "")]
    (row,) = outliers.run(chosen, 1)
    assert row["failure"].startswith("KeyError")


def test_exponents_are_slopes_of_logarithms():
    sizes = [1.0, 10.0, 100.0]
    np.testing.assert_allclose(
        growth.exponent(sizes, [3.0, 300.0, 3e4]), (2.0, 0.0), atol=1e-7
    )
    slope, error = growth.exponent(sizes, [1.0, 20.0, 100.0])
    np.testing.assert_allclose(slope, 1.0)
    # Residuals of log(2) times -1/3, 2/3 and -1/3; one degree of freedom.
    np.testing.assert_allclose(error, np.log(2) * np.sqrt(1 / 3) / np.log(10))
    assert np.isnan(growth.exponent([1.0, 2.0], [1.0, 2.0])[1])


def smaller(name):
    """Return a subject at sizes that take no time."""
    sizes = {"rows": (20, 40), "tasks": (3, 5), "features": (4, 6)}
    return SUBJECTS[name]._replace(base=Shape(4, 20, 4), sizes=sizes)


def test_every_task_has_its_own_ridge():
    X, y = SUBJECTS["center"].draw(Shape(4, 20, 4))
    models = subjects.ridge_per_task(X, y, 1)
    assert len(models) == 4
    for t, model in enumerate(models):
        rows = X[:, -1] == t
        np.testing.assert_allclose(
            model.intercept_ + X[rows, :-1].mean(axis=0) @ model.coef_, y[rows].mean()
        )


def test_speed_is_measured_and_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUBJECTS, "center", smaller("center"))
    path = tmp_path / "speed.csv"
    command = "speed --parts scaling --subjects center --runs 1 --out"
    monkeypatch.setattr(sys, "argv", [*command.split(), str(path)])
    speed.main()
    rows = records.load(path)
    assert len(rows) == 3 * 2 * 2
    assert all(float(row["median"]) > 0.0 for row in rows)
    assert "rows, 20 to 40" in capsys.readouterr().out
    text = speed_report.page(path, tmp_path)
    assert "RidgeCV per task" in text
    assert (tmp_path / "speed_rows.svg").exists()
    kept = speed.others(path, ("scaling",), ("boosting",))
    assert len(kept) == len(rows)
    assert speed.others(path, ("scaling",), ("center",)) == []


def test_lines_of_other_benchmarks_are_rows():
    measured = Ratio(2.0, 1.0, 3.0)
    other = speed.pillar_row("foundation", "9 x 5, 2 tasks", "", 1.0, ">= 2 at d=50")
    assert other["bar"] == ""
    what = "fit, 9 x 50, 2 tasks"
    row = speed.pillar_row("foundation", what, "a pass", measured, ">= 0.5 at d=50")
    assert (row["median"], row["low"], row["bar"]) == (2.0, 1.0, ">= 0.5")
    assert speed_report.verdict(row) == "met"
    text = speed_report.pillar_table(
        [row, {"subject": "x", "failure": "ValueError: no"}]
    )
    assert "| fit, 9 x 50, 2 tasks | a pass | 2 (1 to 3) | >= 0.5 | met |" in text
    assert "failed: ValueError: no" in text
    assert "ValueError: no" in speed_report.missed(
        [{"subject": "x", "failure": "ValueError: no"}]
    )


@pytest.mark.skipif(not growth.CLEAR.exists(), reason="peaks need Linux")
def test_peaks_of_memory_are_in_units_of_the_table():
    # One ridge of all rows copies the table to centre it.
    assert 0.9 < growth.child_peak("center", "all rows", (20, 400, 40)) < 4.0


def test_first_uses_are_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "IMPORTS", ("import numpy",))
    (row,) = growth.beside_imports("nothing", "pass", tmp_path, 1)
    assert 0.0 < row["median"] < 1.0
    assert row["rival"] == "import numpy"


def test_the_short_form_has_all_parts_and_shows_what_failed(tmp_path, monkeypatch):
    monkeypatch.setitem(SUBJECTS, "center", smaller("center"))
    monkeypatch.setitem(outliers.LINEAR, "tiny", {"n_tasks": 6, "n_samples": 20})
    monkeypatch.setattr(quick, "in_process", quick.section)
    monkeypatch.setattr(growth, "memory", lambda names: 1 / 0)
    monkeypatch.setitem(quick.PARTS, "active", lambda own: own.nothing)
    own = quick.Plan(
        results=tmp_path,
        cases={"representation, robust, rank given": ("tiny",)},
        seeds=1,
        subjects=("center",),
        first=(),
        n_sizes=1,
        pillars=False,
    )
    text = quick.page(quick.run(["active", "outliers", "speed"], own, 1))
    assert "**Failed**: AttributeError" in text
    assert "**Failed**: ZeroDivisionError" in text
    assert "| tiny | 1 |" in text
    assert "| center | RidgeCV per task |" in text
    names = ["quick_outliers.csv", "quick_speed.csv"]
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == names


class QuickBench:
    """Answers at once; what it says of a method is its place in the alphabet."""

    def __init__(self, *arguments):
        pass

    def measure(self, job):
        loss = float(ord(job.method[0])) + job.split
        found = {"macro": loss, "pooled": loss, "by_task": [loss, loss]}
        return found | {"fit_cpu": 1.0, "predict_wall": 1.0, "code": "x"}

    def stop(self):
        pass


def test_the_short_form_of_accuracy(tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy_runs, "Bench", QuickBench)
    own = quick.Plan(results=tmp_path, sets=("slump",), splits=2)
    methods = ("linear_separate", "lightgbm_category", "skmtl_automatic")
    text = quick.accuracy(own._replace(methods=methods))
    assert text.count("| slump | 115.5") == 2
    assert "| skmtl_automatic | 0 | 0 | 1 |" in text
    assert "Nothing." in text
    assert len(records.load(tmp_path / "quick_accuracy.csv")) == 2 * 2 * 3


def test_a_process_that_ends_is_a_failure():
    assert "**Failed**: BrokenProcessPool" in quick.in_process("no such", Unpicklable())


class Unpicklable:
    """Ends the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (1,)


def test_benchmarks_leave_threads_that_are_running_alone():
    before = dict(os.environ)
    with threads.inherited(numba=7):
        assert os.environ["NUMBA_NUM_THREADS"] == "7"
    for name in dict(listing.commands()):
        importlib.import_module(f"benchmarks.{name}")
    accuracy_runs.Bench(None, 1, 60)
    assert dict(os.environ) == before


def test_commands_are_listed():
    names = dict(listing.commands())
    assert {"speed", "outliers", "quick", "accuracy", "foundation"} <= set(names)
    assert not {"records", "measuring", "speed_subjects"} & set(names)


def test_measurements_of_boosting_are_kept_and_shown(tmp_path, monkeypatch):
    from benchmarks import boosting_accuracy, records

    monkeypatch.setattr(records, "PAGES", tmp_path)
    path = tmp_path / "real.csv"
    for seed, ours in enumerate((0.5, 0.6)):
        values = ("some", seed, 100, 4, 1.0, 1.0, 2.0, ours, 0.1, 0.4, "abc")
        row = dict(zip(boosting_accuracy.COLUMNS, values, strict=True))
        boosting_accuracy.keep(path, row)
    kept = boosting_accuracy.measured(path)
    assert sorted(kept) == [("some", 0), ("some", 1)]
    boosting_accuracy.write_page(path)
    page = (tmp_path / "boosting.md").read_text(encoding="utf-8")
    cells = "0.5500 | -45.0% ± 5.0% | -45.0% ± 5.0% | -72.5% ± 2.5% | 4.0 |"
    assert f"| some | 4 | 2 | {cells}" in page


def test_calls_quicker_than_the_clock_are_timed(monkeypatch):
    from benchmarks import boosting_engine

    calls = []
    # A clock that advances by hundredths of a second, ten calls each.
    monkeypatch.setattr(
        boosting_engine.time, "process_time", lambda: 0.01 * (len(calls) // 10)
    )
    cost = boosting_engine.clock(1)(lambda: calls.append(0))
    assert cost == pytest.approx(0.001)


def test_page_of_linear_models_begins_with_what_they_miss(tmp_path):
    lines = [
        Line("quick", "ours", Ratio(0.5, 0.4, 0.9), "<= 1", 3),
        Line("slow", "ours", Ratio(2.0, 1.5, 3.0), "<= 1", 3),
        Line("school", "rmse", mean([1.0, 3.0]), ">= 1.5", 2),
    ]
    rows = [{"part": "first", "code": "a", **line.row()} for line in lines]
    rows.append({"part": "paths", "what": "paths", "failure": "no rival"})
    records.save(tmp_path / "linear.csv", rows)
    page = linear_report.page(tmp_path / "linear.csv")
    missed = page.split("## Bars that are missed")[1].split("##")[0].splitlines()
    assert [line[:7] for line in missed if line] == ["- slow ", "- paths"]
    assert "2 ± 1" in page
    assert "0.5 (0.4 to 0.9)" in page


def test_cost_of_choosing_a_member_is_that_beside_the_best_on_average(monkeypatch):
    first, second, *others = linear_accuracy.FAMILY
    rest = dict.fromkeys(others, 9.0)
    answers = iter([({first: 1.0, second: 2.0, **rest}, second),
                    ({first: 3.0, second: 3.0, **rest}, first)])  # fmt: skip
    monkeypatch.setattr(linear_accuracy, "losses", lambda split, classes: next(answers))
    excess, error, best, picked = linear_accuracy.chosen(["a", "b"])
    assert (excess, error, best) == (0.25, 0.25, first)
    assert picked == {second: 1, first: 1}


def test_rivals_measured_apart_have_a_column_or_a_reason(tmp_path):
    from benchmarks import boosting_accuracy, boosting_gpboost

    path = tmp_path / "real.csv"
    assert boosting_gpboost.apart(path) == {}
    assert boosting_gpboost.failures(path) == ""
    path.with_name(boosting_gpboost.NAME).write_text(
        "set,seed,GPBoost,cpu,failure\none,0,1.0,0.1,\nother,0,nan,nan,took too long\n"
    )
    rows = [
        {"set": name, "seed": 0, "tasks": 3, "ours": 0.5, "cpu_rival": 1, "cpu_ours": 2}
        | dict.fromkeys(boosting_accuracy.RIVALS, 1.0)
        for name in ("one", "other")
    ]
    others = boosting_gpboost.apart(path)
    lines = boosting_accuracy.compared(rows, others)
    place = boosting_accuracy.header(others).index("GPBoost")
    assert lines[0][place].startswith("-50.0%")
    assert lines[1][place] == "no figure"
    assert "other: took too long" in boosting_gpboost.failures(path)
