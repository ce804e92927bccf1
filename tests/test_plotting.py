import subprocess
import sys
from copy import copy
from functools import cache
from itertools import combinations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from sklearn import metrics
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from skmtl import IndependentTasks, PooledTasks, plotting
from skmtl.active import (
    ActiveTaskRegressor,
    optimal_allocation,
    run_active_learning,
)
from skmtl.boosting import MultiTaskBoostingClassifier, MultiTaskBoostingRegressor
from skmtl.datasets import (
    make_shared_representation,
    make_source_tasks,
    make_task_deviations,
    make_task_functions,
)
from skmtl.linear import (
    HierarchicalRegressor,
    SharedCenterRegressor,
    SharedRepresentationClassifier,
    SharedRepresentationRegressor,
)
from skmtl.metrics import multitask_gain, task_scores
from skmtl.plotting._canvas import cell_ink, series_colours
from skmtl.plotting._names import name_rows, spread

STYLES = {"light": "default", "dark": "dark_background"}
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture(autouse=True)
def no_figure_left():
    plt.close("all")
    yield
    plt.close("all")


# Displays of invented numbers, by the number of tasks.


def labels(n):
    return np.array([f"school {t:03}" for t in range(n)], dtype=object)


def scores(n, ax=None):
    rng = np.random.default_rng(0)
    task = np.repeat(labels(n), rng.integers(2, 60, n))
    y, error = rng.normal(size=(2, task.size))
    predictions = {"one each": y + 2 * error, "one for all": y - error, "shared": y}
    predictions["shared"] = y + 0.5 * error + 0.2
    return plotting.TaskScoreDisplay.from_predictions(
        y, predictions, task, metric="neg_root_mean_squared_error", ax=ax
    )


def gain(n, ax=None):
    rng = np.random.default_rng(1)
    task = np.repeat(labels(n), rng.integers(2, 60, n))
    y, ours, theirs = rng.normal(size=(3, task.size))
    return plotting.TaskGainDisplay.from_predictions(
        y, y + 0.7 * ours, y + theirs, task, ax=ax
    )


def outliers(n, ax=None):
    score = np.random.default_rng(2).gamma(2.0, 0.5, n)
    score[0] += 6.0
    return plotting.OutlierTaskDisplay.from_scores(
        score, flagged=score > 4.0, tasks=labels(n), ax=ax
    )


def similarity(n, ax=None):
    rng = np.random.default_rng(3)
    heads = rng.normal(size=(3, 8))[np.arange(n) % 3] + 0.4 * rng.normal(size=(n, 8))
    return plotting.TaskSimilarityDisplay.from_similarity(
        np.corrcoef(heads), tasks=labels(n), ax=ax
    )


def representation(n, ax=None, rank=3):
    rng = np.random.default_rng(4)
    components = np.linalg.qr(rng.normal(size=(max(n // 3, 6), rank)))[0].T
    return plotting.SharedRepresentationDisplay.from_heads(
        components, rng.normal(size=(n, rank)), tasks=labels(n), ax=ax
    )


def one_direction(n, ax=None):
    return representation(n, ax, rank=1)


def stages(n, ax=None):
    rng = np.random.default_rng(5)
    rounds = np.arange(60)[:, None]
    losses = np.exp(-rounds / rng.uniform(5, 30, n)) + rng.gamma(2.0, 0.2, n)
    blocks = [("first score", 30), ("second score", 5), ("trees of tasks", 25)]
    return plotting.BoostingStagesDisplay.from_losses(
        losses, blocks=blocks, tasks=labels(n), ax=ax
    )


def history(n, seed=6, n_rounds=5):
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(n_rounds), n)
    received = np.where(number == 0, 10, rng.poisson(3.0 ** rng.integers(0, 6, n * 5)))
    received *= (number == 0) | (rng.random(number.size) < 0.3)
    return {
        "round": number,
        "task": np.tile(labels(n), n_rounds),
        "received": received,
        "spent": received,
        "expected_risk": np.repeat(2.0 ** -np.arange(n_rounds), n),
    }


def allocation(n, ax=None):
    return plotting.AllocationDisplay.from_history(history(n), ax=ax)


def relevance(n, ax=None):
    rng = np.random.default_rng(7)
    return plotting.RelevanceDisplay.from_relevance(
        rng.normal(size=n), std=rng.gamma(2.0, 0.2, n), tasks=labels(n), ax=ax
    )


def path(n, ax=None):
    rng = np.random.default_rng(8)
    return plotting.RelevancePathDisplay.from_heads(
        rng.normal(size=(2, n)),
        [1.0, 0.5],
        np.geomspace(1.0, 3000.0, 12),
        n_seen=rng.integers(1, 30, n),
        tasks=labels(n),
        ax=ax,
    )


def risk(n, ax=None):
    runs = {
        name: [history(n, seed) for seed in range(2)]
        for name in ("elfving", "lasso", "uniform")
    }
    measured = {"elfving": [2.5 ** -np.arange(5.0)] * 2}
    return plotting.RiskCurveDisplay.from_histories(runs, measured=measured, ax=ax)


def elfving(n, ax=None):
    rng = np.random.default_rng(9)
    return plotting.ElfvingDisplay.from_heads(
        rng.normal(size=(2, n)), [1.0, 0.6], tasks=labels(n), ax=ax
    )


ONE_AXES = [
    scores,
    gain,
    outliers,
    similarity,
    stages,
    allocation,
    relevance,
    path,
    risk,
    elfving,
]
EVERY = [*ONE_AXES, representation, one_direction]
OF_TASKS = [draw for draw in EVERY if draw is not risk]


@cache
def drawn(draw, n, style):
    """A display that several tests look at and none changes."""
    with plt.style.context(STYLES[style]):
        display = draw(n)
        plt.close(display.figure_)
        return display


# What a person would notice.


def texts_of(figure):
    """All texts that are drawn, those of ticks out of sight left out."""
    found = [text for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        found += [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        if ax.get_legend():
            found += ax.get_legend().get_texts()
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if low <= tick.get_loc() <= high:
                    found += [tick.label1, tick.label2]
    return [text for text in found if text.get_visible() and text.get_text()]


def boxes_of(figure):
    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    # Of an annotation the text only, without the line to its place.
    return [
        (text.get_text(), Text.get_window_extent(text, renderer))
        for text in texts_of(figure)
    ]


def overlapping(boxes):
    """Pairs of texts of whose boxes more than the rim is shared."""
    inner = [(name, box.padded(-0.75)) for name, box in boxes]
    return [
        (first[0], second[0])
        for first, second in combinations(inner, 2)
        if first[1].overlaps(second[1])
    ]


def leaving(figure, boxes):
    """Texts that the edge of the figure cuts."""
    width, height = figure.bbox.size
    return [
        name
        for name, box in boxes
        if min(box.x0, box.y0) < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]


def relative_luminance(colour):
    rgb = np.array(to_rgba(colour))[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(LUMINANCE @ linear)


def lightness(colour):
    light = relative_luminance(colour)
    return 116.0 * np.cbrt(light) - 16.0 if light > 0.008856 else 903.3 * light


def contrast(one, other):
    dark, light = sorted(map(relative_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("n", [3, 300])
@pytest.mark.parametrize("draw", EVERY)
def test_legible(draw, n, style):
    display = drawn(draw, n, style)
    figure = display.figure_
    with plt.style.context(STYLES[style]):
        boxes = boxes_of(figure)
    assert overlapping(boxes) == []
    assert leaving(figure, boxes) == []
    on_cells = display.ax_.texts if draw in (allocation, similarity) else []
    for text in texts_of(figure):
        if text not in on_cells:
            assert contrast(text.get_color(), figure.get_facecolor()) > 4.5


SHOWN = {
    scores: lambda d: sum(len(c.get_offsets()) for c in dots(d.ax_)) // 3,
    gain: lambda d: sum(len(c.get_offsets()) for c in dots(d.ax_)),
    outliers: lambda d: sum(len(c.get_offsets()) for c in dots(d.ax_)),
    similarity: lambda d: len(d.image_.get_array()),
    representation: lambda d: sum(len(c.get_offsets()) for c in dots(d.ax_[1])),
    one_direction: lambda d: sum(len(c.get_offsets()) for c in dots(d.ax_[1])),
    stages: lambda d: sum(len(line.get_xdata()) == 60 for line in d.ax_.lines) - 1,
    allocation: lambda d: len(d.image_.get_array()),
    relevance: lambda d: sum(len(c.get_offsets()) for c in dots(d.ax_)),
    elfving: lambda d: len(dots(d.ax_)[0].get_offsets()),
}


def dots(ax):
    return [part for part in ax.collections if hasattr(part, "set_sizes")]


@pytest.mark.parametrize("n", [3, 300])
@pytest.mark.parametrize("draw", SHOWN)
def test_every_task_is_shown(draw, n):
    assert SHOWN[draw](drawn(draw, n, "light")) == n


@pytest.mark.parametrize("draw", OF_TASKS)
def test_few_tasks_are_all_named(draw):
    text = " ".join(
        text.get_text() for text in texts_of(drawn(draw, 3, "light").figure_)
    )
    named = [label for label in labels(3) if label in text]
    # Where a source does not matter at all, there is no line to name.
    assert len(named) == 3 or (draw is path and "3 sources" in text)


@pytest.mark.parametrize("draw", OF_TASKS)
def test_many_tasks_are_counted_where_not_all_are_named(draw):
    found = [text.get_text() for text in texts_of(drawn(draw, 300, "light").figure_)]
    if draw is scores:
        assert sum(name.startswith("school") for name in found) == 10
    assert any("300 tasks" in text or "300 sources" in text for text in found)


@pytest.mark.parametrize("style", STYLES.values())
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_colours_differ_in_grey(n, style):
    with plt.style.context(style):
        _, ax = plt.subplots()
        colours = series_colours(n, ax)
        light = [lightness(colour) for colour in colours]
        assert all(abs(a - b) > 12 for a, b in combinations(light, 2))
        for colour in colours:
            assert contrast(colour, ax.get_facecolor()) > 3.0


@pytest.mark.parametrize(
    ("draw", "numbers"),
    [(allocation, (10, 30, 100, 200)), (similarity, (-1.0, -0.3, 0.0, 0.3, 1.0))],
)
@pytest.mark.parametrize("style", STYLES)
def test_numbers_on_cells_are_legible(draw, numbers, style):
    image = drawn(draw, 3, style).image_
    for n in numbers:
        background = image.cmap(image.norm(n))
        assert contrast(cell_ink(image, n), background) > 3.0


@pytest.mark.parametrize("draw", [allocation, similarity])
def test_numbers_are_written_where_they_have_room(draw):
    cells = drawn(draw, 3, "light").image_.get_array()
    assert len(drawn(draw, 3, "light").ax_.texts) == np.ma.count(cells)
    assert not [
        text.get_text()
        for text in drawn(draw, 300, "light").ax_.texts
        if not text.get_text().startswith("school")
    ]


@pytest.mark.parametrize("n", [3, 300])
@pytest.mark.parametrize("draw", EVERY)
def test_numbers_of_axes_are_those_people_write(draw, n):
    for ax in drawn(draw, n, "light").figure_.axes:
        for axis in (ax.xaxis, ax.yaxis):
            assert not any("10^" in text.get_text() for text in axis.get_ticklabels())


@pytest.mark.parametrize("n", [3, 300])
def test_rows_are_counted_in_whole_numbers(n):
    ticks = drawn(gain, n, "light").ax_.get_xticklabels()
    assert all(float(tick.get_text()) % 1 == 0 for tick in ticks)


@pytest.mark.parametrize("draw", ONE_AXES)
def test_draws_in_the_axes_it_is_given(draw):
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    display = draw(30, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data()
    boxes = boxes_of(figure)
    assert overlapping(boxes) == []
    assert leaving(figure, boxes) == []


@pytest.mark.parametrize("draw", [representation, one_direction])
def test_draws_a_pair_in_the_axes_it_is_given(draw):
    figure, axes = plt.subplots(1, 2)
    display = draw(30, ax=axes)
    assert list(display.ax_) == list(axes)
    assert display.figure_ is figure
    with pytest.raises(ValueError, match="pair of axes"):
        draw(30, ax=axes[0])


def test_draws_in_a_subfigure():
    figure = plt.figure(layout="constrained")
    part, _ = figure.subfigures(1, 2)
    display = outliers(5, ax=part.subplots())
    assert display.figure_ is part


@pytest.mark.parametrize("draw", EVERY)
def test_plot_draws_again(draw):
    display = copy(drawn(draw, 3, "light"))
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


@pytest.mark.parametrize("label", ["a$b$c$", "_hidden", "x" * 200, "ü\nß", 3.5])
def test_any_label_can_be_drawn(label):
    tasks = [label, "other", "third"] if isinstance(label, str) else [label, 1, 2]
    display = plotting.OutlierTaskDisplay.from_scores([1.0, 2.0, 3.0], tasks=tasks)
    figure = display.figure_
    figure.canvas.draw()
    width = max(box.width for _, box in boxes_of(figure))
    assert width < 0.5 * figure.bbox.width
    prediction = {label: np.zeros(4)}
    display = plotting.TaskScoreDisplay.from_predictions(
        np.arange(4.0), prediction, [0, 0, 1, 1], metric="neg_mean_squared_error"
    )
    display.figure_.canvas.draw()
    assert len(display.figure_.legends[0].get_texts()) == 1


# How names are kept apart.


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=10),
    st.floats(1, 10),
)
def test_spread_names_keep_apart_in_order_and_inside(wanted, gap):
    wanted = np.array(wanted)
    places = spread(wanted, gap, 100.0)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(places[order]) >= gap - 1e-9).all()
    assert places.min() >= 0.5 * gap - 1e-9
    assert places.max() <= 100.0 - 0.5 * gap + 1e-9
    roomy = np.diff(wanted[order]).min(initial=np.inf) >= gap
    if roomy and wanted.min() >= gap / 2 and wanted.max() <= 100 - gap / 2:
        np.testing.assert_allclose(places, wanted)


def test_names_of_rows_that_come_first():
    _, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    ax.set_ylim(-0.5, 199.5)
    name_rows(ax, labels(200), first=[7, 150, 3])
    assert {text.get_text() for text in ax.texts} == set(labels(200)[[7, 150, 3]])
    assert ax.get_ylabel() == "200 tasks, 3 of them named"


# The numbers behind the pictures.


@pytest.fixture(scope="module")
def deviations():
    return make_task_deviations(
        n_tasks=9, n_outlier_tasks=1, return_X_y=True, random_state=0
    )


@pytest.fixture(scope="module")
def hierarchical(deviations):
    return HierarchicalRegressor(task_feature="task").fit(*deviations)


@pytest.fixture(scope="module")
def run():
    problem = make_source_tasks(
        n_sources=6, n_features=5, rank=2, n_target_samples=40, random_state=0
    )
    learner = ActiveTaskRegressor(
        rank=2, target_task="target", task_feature="task", random_state=0
    )
    target = problem.data, problem.target
    return run_active_learning(learner, problem.oracle, 600, target=target, n_rounds=3)


def test_scores_are_those_of_the_table(deviations, hierarchical):
    X, y = deviations
    models = {
        "shared": hierarchical,
        "alone": make_pipeline(IndependentTasks(Ridge(), task_feature="task")).fit(
            X, y
        ),
    }
    display = plotting.TaskScoreDisplay.from_estimator(
        models, X, y, metric="neg_mean_absolute_error"
    )
    for name, model in models.items():
        table = task_scores(
            y, model.predict(X), X["task"], metric=metrics.mean_absolute_error
        )
        np.testing.assert_allclose(display.scores[name], table.score)
        assert display.tasks.tolist() == table.task.tolist()
    assert display.metric == "mean absolute error (less is better)"
    alone = plotting.TaskScoreDisplay.from_estimator(hierarchical, X, y)
    assert list(alone.scores) == ["HierarchicalRegressor"]


def test_scores_of_columns_of_y_and_of_classes():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 3)), rng.integers(2, size=(40, 3))
    model = IndependentTasks(LogisticRegression()).fit(X, Y)
    display = plotting.TaskScoreDisplay.from_estimator(model, X, Y)
    expected = (model.predict(X) == Y).mean(axis=0)
    np.testing.assert_allclose(display.scores["IndependentTasks"], expected)
    assert display.ax_.get_xlabel() == "accuracy"


def test_tasks_without_a_score_are_counted():
    with pytest.raises(ValueError, match="none of 2 tasks has a score"):
        plotting.TaskScoreDisplay.from_predictions(
            np.ones(4), np.ones(4), [0, 0, 1, 1], metric="r2"
        )
    y, task = np.array([1.0, 2.0, 3.0, 3.0]), ["a", "a", "b", "b"]
    display = plotting.TaskScoreDisplay.from_predictions(y, y, task, metric="r2")
    assert "1 task without a score" in display.ax_.get_xlabel()
    display = plotting.OutlierTaskDisplay.from_scores([1.0, np.nan, 2.0])
    assert "1 task without a score" in display.ax_.get_xlabel()
    display = plotting.TaskGainDisplay.from_predictions(y, y, y, task)
    assert "2 tasks without a gain" in display.ax_.get_xlabel()


def test_gains_are_those_of_the_table(deviations, hierarchical):
    X, y = deviations
    pooled = PooledTasks(Ridge(), task_feature="task").fit(X, y)
    display = plotting.TaskGainDisplay.from_estimator(hierarchical, pooled, X, y)
    table = multitask_gain(y, hierarchical.predict(X), pooled.predict(X), X["task"])
    np.testing.assert_allclose(display.gains, table.score)
    assert display.baseline == "PooledTasks"
    sizes = {task: 5 + t for t, task in enumerate(table.task)}
    display = plotting.TaskGainDisplay.from_estimator(
        hierarchical, pooled, X, y, n_samples=sizes
    )
    assert display.n_samples.tolist() == list(sizes.values())
    del sizes[table.task[0]]
    with pytest.raises(ValueError, match="size of every task"):
        plotting.TaskGainDisplay.from_estimator(
            hierarchical, pooled, X, y, n_samples=sizes
        )
    with pytest.raises(ValueError, match="greater the better"):
        plotting.TaskGainDisplay.from_estimator(hierarchical, pooled, X, y, metric="r2")


def test_a_gain_far_below_zero_stays_in_sight():
    y, task = np.ones(6), np.repeat([0, 1, 2], 2)
    together, alone = y + np.repeat([0.1, 0.2, 10.0], 2), y + 0.3
    display = plotting.TaskGainDisplay.from_predictions(y, together, alone, task)
    assert "1 below -150%" in display.ax_.get_xlabel()
    assert display.ax_.get_ylim()[0] > -3.0


def test_outliers_of_every_kind_of_model(deviations, hierarchical):
    robust = SharedCenterRegressor(robust=True, task_feature="task").fit(*deviations)
    for model in (robust, make_pipeline(robust)):
        display = plotting.OutlierTaskDisplay.from_estimator(model)
        assert set(display.tasks[display.flagged]) == set(robust.outlier_tasks_)
        np.testing.assert_array_equal(display.scores, robust.outlier_scores_)
        assert f"{display.flagged.sum()} flagged" in display.ax_.get_xlabel()
    display = plotting.OutlierTaskDisplay.from_estimator(hierarchical)
    assert display.flagged is None
    assert "flagged" not in display.ax_.get_xlabel()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names[-1] == hierarchical.tasks_[hierarchical.outlier_scores_.argmax()]


def test_scores_of_very_different_size_can_all_be_seen():
    score = np.append(np.ones(20), 1e9)
    display = plotting.OutlierTaskDisplay.from_scores(score)
    ordinary, far, zero = display.ax_.transData.transform(
        [(1.0, 0.0), (1e9, 0.0), (0.0, 0.0)]
    )[:, 0]
    assert ordinary - zero > 5.0 < far - ordinary
    # Minus the logarithm of a p-value has no bound where models fit without error.
    display = plotting.OutlierTaskDisplay.from_scores([0.0, 1.0, 2.0, 1e299])
    display.figure_.canvas.draw()
    assert "cut at" in display.ax_.get_xlabel()


def test_like_tasks_are_neighbours():
    group = np.arange(12) % 3
    similar = np.where(group[:, None] == group, 0.9, -0.4)
    np.fill_diagonal(similar, 1.0)
    display = plotting.TaskSimilarityDisplay.from_similarity(similar)
    assert sorted(display.order_) == list(range(12))
    assert (np.diff(group[display.order_]) != 0).sum() == 2
    shown = np.asarray(display.image_.get_array())[::-1]
    np.testing.assert_array_equal(
        shown, similar[np.ix_(display.order_, display.order_)]
    )
    with pytest.raises(ValueError, match="row and a column"):
        plotting.TaskSimilarityDisplay.from_similarity(similar[:, :3])
    with pytest.raises(ValueError, match="labels of 12 tasks"):
        plotting.TaskSimilarityDisplay.from_similarity(similar, tasks=["a"])


def test_similarity_of_a_model(hierarchical):
    display = plotting.TaskSimilarityDisplay.from_estimator(hierarchical)
    np.testing.assert_array_equal(display.similarity, hierarchical.task_similarity_)


@pytest.mark.parametrize("rank", [1, 2])
def test_heads_of_a_model(rank):
    data = make_shared_representation(n_features=6, rank=rank, random_state=0)
    model = SharedRepresentationRegressor(rank=rank, task_feature="task")
    model.fit(data.data, data.target)
    display = plotting.SharedRepresentationDisplay.from_estimator(model)
    assert display.features == [c for c in data.data.columns if c != "task"]
    shown = dots(display.ax_[1])[0].get_offsets()
    expected = np.sort(model.heads_[:, 0]) if rank == 1 else model.heads_[:, 0]
    np.testing.assert_allclose(shown[:, 0], expected)
    names = [label.get_text() for label in display.ax_[0].get_yticklabels()]
    assert names == display.features[::-1]


def test_heads_of_classes():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(90, 4)), np.repeat([0, 1, 2], 30)])
    y = np.array(["a", "b", "c"])[np.abs(X[:, :3]).argmax(axis=1)]
    model = SharedRepresentationClassifier(rank=2, alpha=0.1, task_feature=-1).fit(X, y)
    display = plotting.SharedRepresentationDisplay.from_estimator(model)
    legend = [text.get_text() for text in display.ax_[1].get_legend().get_texts()]
    assert legend == ["a", "b", "c"]
    assert sum(len(part.get_offsets()) for part in dots(display.ax_[1])) == 9
    assert overlapping(boxes_of(display.figure_)) == []


@pytest.mark.parametrize("rounds", [[30, 1, 1, 30], [1, 1, 1, 50], [1]])
def test_names_of_short_blocks_keep_apart(rounds):
    losses = np.ones((sum(rounds), 2))
    blocks = [(f"a block of long name {k}", n) for k, n in enumerate(rounds)]
    display = plotting.BoostingStagesDisplay.from_losses(losses, blocks=blocks)
    boxes = boxes_of(display.figure_)
    assert overlapping(boxes) == []
    assert leaving(display.figure_, boxes) == []
    assert sum("a block" in name for name, _ in boxes) == len(rounds)
    # One round alone is a point, not a line without length.
    marked = {line.get_marker() != "None" for line in display.ax_.lines[:2]}
    assert marked == {len(losses) == 1}


def booster(problem="regression", **options):
    kind = {
        "regression": MultiTaskBoostingRegressor,
        "classification": MultiTaskBoostingClassifier,
    }[problem]
    X, y = make_task_functions(
        n_tasks=4, n_samples=40, problem=problem, return_X_y=True, random_state=0
    )
    return kind(max_iter=10, task_feature="task", **options).fit(X, y), X, y


@pytest.mark.nojit_skip
@pytest.mark.parametrize("structure", ["auto", "blocks"])
def test_stages_end_with_the_prediction(structure):
    model, X, y = booster(structure=structure)
    display = plotting.BoostingStagesDisplay.from_estimator(model, X, y)
    table = task_scores(
        y, model.predict(X), X["task"], metric=metrics.mean_squared_error
    )
    np.testing.assert_allclose(display.losses[-1], table.score)
    assert len(display.losses) == len(list(model.staged_predict(X)))
    assert sum(n for _, n in display.blocks) == len(display.losses)


@pytest.mark.nojit_skip
@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        ("absolute_error", metrics.mean_absolute_error),
        ("huber", metrics.mean_absolute_error),
        ("quantile", lambda y, p: metrics.mean_pinball_loss(y, p, alpha=0.8)),
        ("poisson", metrics.mean_poisson_deviance),
    ],
)
def test_stages_show_the_loss_of_the_model(loss, metric):
    X, y = make_task_functions(n_tasks=3, n_samples=30, return_X_y=True, random_state=0)
    y = np.floor(np.exp(y))
    model = MultiTaskBoostingRegressor(
        loss=loss, quantile=0.8, structure="blocks", max_iter=3, task_feature="task"
    ).fit(X, y)
    display = plotting.BoostingStagesDisplay.from_estimator(model, X, y)
    table = task_scores(y, model.predict(X), X["task"], metric=metric)
    np.testing.assert_allclose(display.losses[-1], table.score)


@pytest.mark.nojit_skip
def test_stages_of_classes():
    model, X, y = booster("classification", structure="blocks")
    display = plotting.BoostingStagesDisplay.from_estimator(model, X, y)
    for t, task in enumerate(model.tasks_):
        rows = (X["task"] == task).to_numpy()
        expected = metrics.log_loss(y[rows], model.predict_proba(X[rows]))
        assert display.losses[-1, t] == pytest.approx(expected)
    with pytest.raises(ValueError, match="which fit did not see"):
        plotting.BoostingStagesDisplay.from_estimator(model, X, np.full(len(y), 7))


@pytest.mark.nojit_skip
@pytest.mark.parametrize("classify", [False, True])
def test_stages_of_columns_of_y(classify):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    Y = X @ rng.normal(size=(3, 2))
    Y = (Y > 0).astype(float) if classify else Y
    Y[::5, 1] = np.nan
    kind = MultiTaskBoostingClassifier if classify else MultiTaskBoostingRegressor
    model = kind(structure="blocks", max_iter=5).fit(X, Y)
    display = plotting.BoostingStagesDisplay.from_estimator(model, X, Y)
    seen = ~np.isnan(Y[:, 1])
    if classify:
        expected = metrics.log_loss(Y[seen, 1], model.predict_proba(X)[seen, 1])
    else:
        error = model.predict(X)[seen, 1] - Y[seen, 1]
        expected = np.mean(error**2)
    assert display.losses[-1, 1] == pytest.approx(expected)


def test_allocation_is_what_the_history_says(run):
    for source in (run, run.history):
        display = plotting.AllocationDisplay.from_history(source)
        assert display.rows.sum() == run.history["received"].sum()
        totals = run.history.groupby("task")["received"].sum()
        assert display.rows.sum(axis=1).tolist() == totals[display.tasks].tolist()
        assert (np.diff(display.rows.sum(axis=1)) <= 0).all()
        by_round = run.history.groupby("round")["received"].sum()
        assert display.rows.sum(axis=0).tolist() == by_round.tolist()


def test_relevance_of_a_learner(run):
    display = plotting.RelevanceDisplay.from_estimator(run.learner)
    np.testing.assert_array_equal(display.relevance, run.learner.relevance_)
    np.testing.assert_array_equal(display.std, run.learner.relevance_std_)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    most = np.abs(run.learner.relevance_).argmax()
    assert names[-1] == run.learner.source_tasks_[most]
    assert display.ax_.get_xlabel().startswith("relevance to target")
    with pytest.raises(ValueError, match="one of the learner's 1 target"):
        plotting.RelevanceDisplay.from_estimator(run.learner, target="nobody")


def test_relevance_path_ends_where_nothing_is_held():
    W, c = np.array([[1, 0, 1], [0, 1, 1]]), np.array([3, 2])
    constant = plotting.RelevancePathDisplay.from_heads(W, c, [1, 10, 100])
    np.testing.assert_allclose(constant.relevance @ W.T, np.tile(c, (3, 1)))
    held = plotting.RelevancePathDisplay.from_heads(
        W, c, [1e9, 1.0, 10.0], n_seen=[10, 10, 40]
    )
    assert held.budgets.tolist() == [1.0, 10.0, 1e9]
    np.testing.assert_allclose(held.relevance[-1], constant.relevance[0], rtol=1e-3)
    for budget, relevance in zip(held.budgets, held.relevance, strict=True):
        best = optimal_allocation(W, c, budget, n_seen=[10, 10, 40], integer=False)
        np.testing.assert_allclose(relevance, best.relevance)
    with pytest.raises(ValueError, match="positive"):
        plotting.RelevancePathDisplay.from_heads(W, c, [0.0, 1.0])


def test_path_and_picture_of_a_learner(run):
    display = plotting.RelevancePathDisplay.from_estimator(run.learner)
    assert display.tasks.tolist() == run.learner.source_tasks_.tolist()
    assert display.budgets[-1] == pytest.approx(10 * run.learner.cost_spent_)
    display = plotting.ElfvingDisplay.from_estimator(run.learner)
    np.testing.assert_allclose(display.heads, run.learner.task_coef_.T)
    np.testing.assert_allclose(display.target, run.learner.target_head_)


def test_prices_of_a_learner_count(run):
    learner = copy(run.learner)
    price = np.geomspace(0.1, 10.0, learner.source_tasks_.size)
    learner.costs = dict(zip(learner.source_tasks_, price, strict=True))
    heads, head = learner.task_coef_.T, learner.target_head_
    best = optimal_allocation(heads, head, 100.0, cost=price, integer=False)
    display = plotting.ElfvingDisplay.from_estimator(learner)
    np.testing.assert_allclose(display.shares_, best.n * price / 100.0, atol=1e-9)
    path = plotting.RelevancePathDisplay.from_estimator(learner, budgets=[50.0])
    held = {"cost": price, "n_seen": learner.n_seen_, "integer": False}
    best = optimal_allocation(heads, head, 50.0, **held)
    np.testing.assert_allclose(path.relevance[0], best.relevance)


def test_risk_is_that_of_the_history(run):
    risks = np.array([3.0, 2.0, 1.0])
    display = plotting.RiskCurveDisplay.from_histories(
        {"elfving": run}, measured={"elfving": risks}
    )
    assert display.spent["elfving"][0][-1] == run.spent
    by_round = run.history.groupby("round")["expected_risk"].first()
    assert display.expected["elfving"][0].tolist() == by_round.tolist()
    assert len(display.figure_.legends[0].get_texts()) == 2
    with pytest.raises(ValueError, match="a risk for each round"):
        plotting.RiskCurveDisplay.from_histories(
            {"elfving": run}, measured={"elfving": risks[:2]}
        )
    with pytest.raises(ValueError, match="none of the strategies"):
        plotting.RiskCurveDisplay.from_histories({"a": run}, measured={"b": risks})
    for wrong in (run.history, [run]):
        with pytest.raises(TypeError, match="by strategy"):
            plotting.RiskCurveDisplay.from_histories(wrong)


@pytest.mark.parametrize("seed", range(5))
def test_the_ray_leaves_the_hull_where_elfving_says(seed):
    rng = np.random.default_rng(seed)
    W, c, cost = rng.normal(size=(2, 7)), rng.normal(size=2), rng.uniform(0.2, 5, 7)
    display = plotting.ElfvingDisplay.from_heads(W, c, cost=cost)
    # On the ray: in the direction of the target.
    np.testing.assert_allclose(
        display.exit_ / np.linalg.norm(display.exit_), c / np.linalg.norm(c)
    )
    # On the rim: the point is in the hull, and no hull corner lies beyond the line
    # through those sources that are sampled.
    used = np.flatnonzero(display.shares_ > 1e-9)
    corners = (display.heads * np.sign(display.relevance))[:, used]
    normal = np.linalg.solve(corners.T, np.ones(2))
    assert normal @ display.exit_ == pytest.approx(1.0)
    assert (np.abs(normal @ display.heads) <= 1.0 + 1e-9).all()
    # The shares are those of the money of the optimal allocation.
    best = optimal_allocation(W, c, 100.0, cost=cost, integer=False)
    np.testing.assert_allclose(display.shares_, best.n * cost / 100.0, atol=1e-9)


@pytest.mark.parametrize("n", [3, 300])
def test_sources_to_sample_are_named_with_their_shares(n):
    _, ax = plt.subplots(figsize=(4, 4), layout="constrained")
    display = elfving(n, ax=ax)
    bought = np.flatnonzero(display.shares_ > 1e-9)
    found = {text.get_text() for text in ax.texts}
    expected = {f"{display.tasks[m]}: {display.shares_[m]:.0%}" for m in bought}
    assert expected <= found


def test_elfving_on_a_line_and_with_one_source():
    for W in ([[1.0, 2.0], [1.0, 2.0]], [[1.0], [0.5]]):
        display = plotting.ElfvingDisplay.from_heads(W, [1.0, 1.0])
        display.figure_.canvas.draw()
    for W, c in ((np.ones((3, 4)), np.ones(3)), (np.ones((2, 4)), np.ones(3))):
        with pytest.raises(ValueError, match="two dimensions"):
            plotting.ElfvingDisplay.from_heads(W, c)


# What goes wrong.

OF_ESTIMATORS = [
    plotting.OutlierTaskDisplay,
    plotting.TaskSimilarityDisplay,
    plotting.SharedRepresentationDisplay,
    plotting.RelevanceDisplay,
    plotting.RelevancePathDisplay,
    plotting.ElfvingDisplay,
]


@pytest.mark.parametrize("kind", OF_ESTIMATORS)
def test_estimators_that_cannot_be_shown(kind):
    with pytest.raises(NotFittedError):
        kind.from_estimator(HierarchicalRegressor())
    with pytest.raises(NotFittedError):
        kind.from_estimator(make_pipeline(HierarchicalRegressor()))
    fitted = Ridge().fit([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(TypeError, match=r"which Ridge does not have\. .*have it"):
        kind.from_estimator(fitted)


def test_estimators_that_cannot_be_scored(deviations):
    X, y = deviations
    unfitted, fitted = Ridge(), Ridge().fit(X.drop(columns="task"), y)
    for call in (
        lambda: plotting.TaskScoreDisplay.from_estimator(unfitted, X, y),
        lambda: plotting.TaskGainDisplay.from_estimator(unfitted, fitted, X, y),
        lambda: plotting.TaskGainDisplay.from_estimator(fitted, unfitted, X, y),
        lambda: plotting.BoostingStagesDisplay.from_estimator(
            MultiTaskBoostingRegressor(), X, y
        ),
    ):
        with pytest.raises(NotFittedError):
            call()
    with pytest.raises(ValueError, match="pass task_feature"):
        plotting.TaskScoreDisplay.from_estimator(fitted, X, y)
    with pytest.raises(TypeError, match="n_rounds_"):
        plotting.BoostingStagesDisplay.from_estimator(fitted, X, y)


def test_histories_that_are_none():
    for wrong in (3, {"round": [1]}, np.zeros((2, 2))):
        with pytest.raises(TypeError, match="run_active_learning"):
            plotting.AllocationDisplay.from_history(wrong)
    with pytest.raises(ValueError, match="nothing was bought"):
        plotting.AllocationDisplay.from_history(
            {"round": np.zeros(0), "task": np.zeros(0), "received": np.zeros(0)}
        )


def test_says_how_to_get_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'skmtl\[plot\]'"):
        plotting.OutlierTaskDisplay.from_scores([1.0, 2.0])
    with pytest.raises(ImportError, match=r"pip install 'skmtl\[plot\]'"):
        representation(3)


def test_importing_needs_no_matplotlib():
    code = (
        "import sys, skmtl.plotting as p\n"
        "[getattr(p, name) for name in p.__all__]\n"
        "print([m for m in ('matplotlib', 'numba') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
