"""How the loss of every task falls as boosting goes on."""

import numpy as np
from scipy.special import xlogy
from sklearn.base import is_classifier

from .._targets import is_observed, name_tasks
from .._task_column import read_task_column
from ._canvas import Display, accent, ink, quiet, series_colours
from ._estimators import labels_of, read_fitted
from ._names import (
    AIR,
    LINE,
    counted,
    lay_out,
    name_beside,
    names_high,
    shorten,
    text_size,
)

HINT = "MultiTaskBoostingRegressor and MultiTaskBoostingClassifier have it."
MOST_NAMED = 6


class BoostingStagesDisplay(Display):
    """The loss of every task after each round of boosting, and their mean.

    Rounds come in blocks: first those of what all tasks share, at last the tasks' own
    trees. Dotted lines part the blocks. Tasks with the largest losses in the end are
    named.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Labels of the tasks.
    losses : ndarray of shape (n_stages, n_tasks)
        Mean loss of the rows of each task after each round.
    blocks : list of (str, int)
        Names of the blocks and their numbers of rounds, in their order.
    loss : str, default="loss"
        What the losses are.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn in.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    TaskScoreDisplay : Scores of several models.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skmtl.boosting import MultiTaskBoostingRegressor
    >>> from skmtl.datasets import make_task_functions
    >>> from skmtl.plotting import BoostingStagesDisplay
    >>> X, y = make_task_functions(n_tasks=4, return_X_y=True, random_state=0)
    >>> model = MultiTaskBoostingRegressor(
    ...     structure="blocks", max_iter=10, task_feature="task"
    ... ).fit(X[::2], y[::2])
    >>> display = BoostingStagesDisplay.from_estimator(model, X[1::2], y[1::2])
    >>> display.losses.shape == (sum(n for _, n in display.blocks), 4)
    True
    >>> plt.close(display.figure_)
    """

    def __init__(self, *, tasks, losses, blocks, loss="loss"):
        self.tasks = tasks
        self.losses = losses
        self.blocks = blocks
        self.loss = loss

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None):
        """Predict rows after each round, and draw the losses.

        Parameters
        ----------
        estimator : MultiTaskBoostingRegressor or MultiTaskBoostingClassifier
            The fitted model.
        X : table of shape (n_samples, n_features)
            Rows that it was not fitted to, with the task column.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : BoostingStagesDisplay
            What was drawn.

        Notes
        -----
        The loss is the model's own: squared, absolute or pinball loss, Poisson
        deviance, log loss of a classifier; for the Huber loss, the absolute error.
        """
        model, n_rounds = read_fitted(cls.__name__, estimator, "n_rounds_", HINT)
        if model is not estimator or not hasattr(model, "staged_predict"):
            raise TypeError(
                f"{cls.__name__} needs a boosting model itself, outside of pipelines "
                f"and searches; got {type(estimator).__name__}."
            )
        name, row_loss = loss_of(model)
        y = np.asarray(y)
        means, tasks = task_means(model, X, y)
        losses = [means(row_loss(y, stage)) for stage in stages(model, X)]
        return cls(
            tasks=tasks,
            losses=np.array(losses),
            blocks=blocks_of(n_rounds),
            loss=name,
        ).plot(ax=ax)

    @classmethod
    def from_losses(cls, losses, *, blocks=None, tasks=None, ax=None):
        """Draw losses from wherever they come.

        Parameters
        ----------
        losses : array-like of shape (n_stages, n_tasks)
            Mean loss of each task after each round.
        blocks : list of (str, int), default=None
            Names of the blocks and their numbers of rounds; None is one block.
        tasks : array-like of shape (n_tasks,), default=None
            Labels; None numbers the tasks.
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        display : BoostingStagesDisplay
            What was drawn.
        """
        losses = np.asarray(losses, dtype=float)
        blocks = [("rounds", len(losses))] if blocks is None else list(blocks)
        tasks = labels_of(tasks, losses.shape[1])
        return cls(tasks=tasks, losses=losses, blocks=blocks).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : BoostingStagesDisplay
            The display.
        """
        ax = self._open(ax, n_rows=16)
        n_tasks, rounds = len(self.tasks), np.arange(1, len(self.losses) + 1)
        own, mean = accent(ax), series_colours(2, ax)[0]
        marker = "o" if rounds.size == 1 else None
        faint = float(np.clip(15.0 / n_tasks, 0.4, 0.9))
        common = np.nanmean(self.losses, axis=1)
        style = {"color": own, "alpha": faint, "linewidth": 1.0, "marker": marker}
        ax.plot(rounds, self.losses, **style)
        ax.plot(rounds, common, color=mean, linewidth=3.0, marker=marker)
        ax.set_xlim(0.5, max(rounds.size, 2) + 0.5)
        ax.set_ylabel(f"{self.loss} of rows of the task")
        ax.set_xlabel(f"round ({counted(n_tasks, 'task')}; thick line: their mean)")
        quiet(ax)
        self._part_blocks(ax)
        self._name_lines(ax)
        return self

    def _part_blocks(self, ax):
        """Write the names of blocks above the axes, one above another if need be."""
        lay_out(ax)
        end, reached = 0, []
        across = ax.get_xaxis_transform()
        for name, n in self.blocks:
            if end:
                ax.axvline(end + 0.5, color=ink(ax), linestyle=":", linewidth=1.0)
            text = ax.annotate(
                f"{name} ({n})",
                xy=(end + 0.5, 1.0),
                xycoords=across,
                xytext=(0.0, 4.0),
                textcoords="offset points",
                fontsize=0.9 * text_size(),
            )
            box = text.get_window_extent().padded(AIR)
            free = (k for k, right in enumerate(reached) if right <= box.x0)
            level = next(free, len(reached))
            reached[level : level + 1] = [box.x1]
            text.set_position((0.0, 4.0 + LINE * text_size() * level))
            end += n

    def _name_lines(self, ax):
        """Name the tasks with the largest losses beside the ends of their lines."""
        last = self.losses[-1]
        known = np.flatnonzero(np.isfinite(last))
        order = known[np.argsort(-last[known], kind="stable")]
        lay_out(ax)
        room = names_high(ax)
        most = room if order.size <= room else MOST_NAMED
        chosen = order[:most]
        labels = [shorten(self.tasks[t]) for t in chosen]
        name_beside(ax, last[chosen], labels, side="right")


def stages(model, X):
    """Return predictions after each round: of probabilities by a classifier."""
    staged = "staged_predict_proba" if is_classifier(model) else "staged_predict"
    found = list(getattr(model, staged)(X))
    final = "predict_proba" if is_classifier(model) else "predict"
    # A model that learned nothing but intercepts has no rounds.
    return found or [getattr(model, final)(X)]


def blocks_of(n_rounds):
    """Return names and rounds of the blocks in the order of the stages."""
    shared = [np.atleast_1d(n) for k, n in n_rounds.items() if k.startswith("shared")]
    n_scores = max((n.size for n in shared), default=0)
    rounds = [max(n[s] for n in shared if s < n.size) for s in range(n_scores)]
    own = [np.max(n, initial=0) for k, n in n_rounds.items() if k.startswith("task")]
    blocks = [("mixture", np.max(n_rounds.get("mixture", 0)))]
    names = ["shared"] if n_scores == 1 else ["first score", "second score"]
    blocks += list(zip(names, rounds, strict=False))
    blocks += [("trees of tasks", max(own, default=0))]
    return [(name, int(n)) for name, n in blocks if n] or [("intercepts", 1)]


def task_means(model, X, y):
    """Return a function that averages losses of rows by task, and the tasks."""
    if y.ndim == 2:
        observed, names = is_observed(y), model.tasks_
        n_rows = observed.sum(axis=0)

        def means(losses):
            total = np.where(observed, losses, 0.0).sum(axis=0)
            return np.divide(
                total, n_rows, out=np.full(n_rows.size, np.nan), where=n_rows > 0
            )

        return means, names
    if model.task_feature is None:
        return lambda losses: losses.mean(keepdims=True), name_tasks(None)
    tasks, place = np.unique(
        read_task_column(X, model.task_feature), return_inverse=True
    )
    n_rows = np.bincount(place)
    return lambda losses: np.bincount(place, losses) / n_rows, tasks


def loss_of(model):
    """Return the name of a model's loss, and a function that gives it for each row."""
    if is_classifier(model):
        return "log loss", lambda y, probability: log_losses(model, y, probability)
    level = model.quantile
    return {
        "squared_error": ("squared error", lambda y, p: (y - p) ** 2),
        "absolute_error": ("absolute error", lambda y, p: np.abs(y - p)),
        "huber": ("absolute error", lambda y, p: np.abs(y - p)),
        "poisson": ("Poisson deviance", poisson_deviances),
        "quantile": (
            "pinball loss",
            lambda y, p: np.maximum(level * (y - p), (level - 1.0) * (y - p)),
        ),
    }[model.loss]


def poisson_deviances(y, mean):
    """Return the deviance of each count."""
    mean = np.maximum(mean, 1e-300)
    return 2.0 * (xlogy(y, y / mean) - y + mean)


def log_losses(model, y, probability):
    """Return minus the logarithm of the probability of what came true."""
    tiny = np.finfo(float).tiny
    if y.ndim == 2:
        chance = np.where(y == model.classes_[1], probability, 1.0 - probability)
        return -np.log(np.maximum(chance, tiny))
    place = np.searchsorted(model.classes_, y).clip(max=model.classes_.size - 1)
    if (model.classes_[place] != y).any():
        unknown = np.setdiff1d(y, model.classes_).tolist()
        raise ValueError(
            f"y has the classes {unknown}, which fit did not see; it saw "
            f"{model.classes_.tolist()}."
        )
    chance = np.take_along_axis(probability, place[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(chance, tiny))
