"""What automatic models of numbers and of classes have in common."""

from copy import deepcopy
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, is_classifier

from ._blend import loss_of, mixture, sobered
from ._candidates import Candidates
from ._design import DIGITS, measure
from ._folds import balanced_folds, class_folds, user_splits, usual_folds
from ._guard import guard
from ._new_task import LearnsTasks
from ._race import lay_out, quietly, race
from ._sklearn_compat import StrOptions, fitting
from ._small_products import small_products
from ._structures import NAMES, Sample, ask
from ._validation import TaskMixin
from .boosting._outliers import flag, outlier_scores

# Structures that know how to predict a task that comes later, and the one that is kept
# for that if the mixture has none of them.
LEARN_TASKS = {
    "boosting",
    "hierarchical",
    "independent",
    "pooled",
    "shared_representation",
}
STANDS_IN = "hierarchical"
# How plausible structures of tasks with rows of their own are before any is held out:
# linear models of all rows, for which few suffice, are twice as much so as others. It
# is not so of columns of y, which may measure anything.
PLAUSIBLE = {"pooled": 2.0, "pooled_intercepts": 2.0, "hierarchical": 2.0}


class Units(NamedTuple):
    """Targets are fitted in units of ``size`` from ``centre``."""

    centre: object = 0.0
    size: object = 1.0


def units_of(rows):
    """Return means and standard deviations of targets, one for each column."""
    y, weight = rows.y, rows.weight
    if y.ndim == 2:
        weight = np.where(np.isnan(y), 0.0, weight[:, None])
        y = np.nan_to_num(y)
    total = np.maximum(weight.sum(axis=0), 1e-300)
    size = np.abs(np.where(weight > 0.0, y, 0.0)).max(axis=0)
    size = np.where(size > 0.0, size, 1.0)
    centre = (weight * (y / size)).sum(axis=0) / total
    spread = np.sqrt((weight * (y / size - centre) ** 2).sum(axis=0) / total)
    return Units(centre * size, np.where(spread > 1e-12, spread, 1.0) * size)


class Automatic(LearnsTasks, TaskMixin, BaseEstimator):
    """Choose or mix structures by the loss of rows held out."""

    _parameter_constraints = {
        **TaskMixin._parameter_constraints,
        "structures": ["array-like", StrOptions({"auto"})],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "cv": ["cv_object", None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        structures="auto",
        *,
        categorical_features="from_dtype",
        cv=None,
        task_feature=None,
        unseen_task="shared",
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.structures = structures
        self.categorical_features = categorical_features
        self.cv = cv
        self.task_feature = task_feature
        self.unseen_task = unseen_task
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @fitting
    def fit(self, X, y, sample_weight=None):
        """Fit structures, and weigh them by rows held out.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one. Missing
            values are NaN.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task, NaN meaning "not
            observed"; only without ``task_feature``.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        from .boosting._features import find_features

        names = self._names()
        rows = self._open_rows(X, y, sample_weight, numeric=False)
        rows = rows._replace(weight=self._weighted(rows.weight, rows.y, rows.task))
        self._features = find_features(self, rows.X)
        values = self._features.read(self, rows.X)
        self._design = measure(values, rows.weight, self._features.is_category)
        self._slots = np.arange(self.n_tasks_)
        n_classes = self._n_classes()
        self._units = Units() if n_classes else units_of(rows)
        y_units = rows.y if n_classes else np.round(self._to_units(rows.y), DIGITS)
        sample = Sample(
            *self._tables(values, None if rows.y.ndim == 2 else rows.task),
            np.flatnonzero(self._features.is_category).tolist(),
            y_units,
            rows.weight,
            self.n_tasks_,
            n_classes,
        )
        splits = self._splits(values, rows, X, y)
        course = lay_out(sample, rows.task, splits)
        with small_products():
            runners = race(course, names, self.random_state, self.n_jobs, self.verbose)
            self._weigh(course, runners)
        return self

    def _names(self):
        """Return the structures to try."""
        if isinstance(self.structures, str):
            return NAMES
        names = list(self.structures)
        unknown = [name for name in names if name not in NAMES]
        if unknown or not names:
            raise ValueError(
                f"structures must be 'auto' or some of {NAMES}; got {names!r}."
            )
        return names

    def _tables(self, values, code):
        """Return rows as linear models and as trees take them, the task's code last."""
        design = self._design.apply(values)
        if code is None:
            return design, values
        return np.column_stack([design, code]), np.column_stack([values, code])

    def _weighted(self, weight, y, task):
        """Return the weights with which rows are fitted and judged."""
        return weight

    def _n_classes(self):
        """Return the number of classes; 0 in a regressor."""
        return self.classes_.size if is_classifier(self) else 0

    def _to_units(self, y):
        return (y - self._units.centre) / self._units.size

    def _splits(self, values, rows, X, y):
        """Return (train, test) positions among the training rows."""
        cv = self.cv
        if cv is None:
            cv = usual_folds(len(values))
        if isinstance(cv, Integral):
            if self._n_classes() and rows.y.ndim == 1:
                fold = class_folds(values, rows.y.astype(np.int64), rows.task, cv)
            else:
                fold = balanced_folds(values, rows.y, rows.task, cv)
            splits = [np.nonzero(fold != f) + np.nonzero(fold == f) for f in range(cv)]
        else:
            splits = user_splits(cv, X, y, rows)
        splits = _that_add(splits, len(values))
        if not splits:
            raise ValueError(
                f"cv={self.cv!r} leaves no rows to hold out: found n_samples="
                f"{len(values)}, and at least two that differ are needed."
            )
        return splits

    def _weigh(self, course, runners):
        """Set the mixture, and the models that it needs, fitted to all rows."""
        whole = {runner.name: runner for runner in runners if not runner.status}
        answers = course.answers([runner.values for runner in whole.values()])
        weights = _weights_of(answers, list(whole), course.sample.wide)
        self.weights_ = {
            name: float(w) for name, w in zip(whole, weights, strict=True) if w > 0.0
        }
        self._set_gates(answers, list(whole), answers.values @ weights)
        self.candidates_ = self._table(course, runners)
        self._set_outliers(course, answers, whole)
        with quietly():
            self.estimators_ = {
                name: whole[name].model(course, self.weights_.get(name, 0.0))
                for name in self._needed(whole)
            }
        # Codes from here on are of tasks that were added later.
        self._n_codes, self._late_weights = self.n_tasks_, self._weights_of_new()

    def _needed(self, whole):
        """Return the structures that are to be fitted to all rows."""
        names = set(self.weights_)
        if (self.gate_ < 1.0).any():
            names.add("independent")
        if self.task_feature is not None and not names & LEARN_TASKS:
            names.add(STANDS_IN)
        return [name for name in whole if name in names]

    def _weights_of_new(self):
        """Return the mixture for tasks to come: of what can learn one."""
        weights = {k: w for k, w in self.weights_.items() if k in LEARN_TASKS}
        if not weights and STANDS_IN in self.estimators_:
            weights = {STANDS_IN: 1.0}
        total = sum(weights.values())
        return {name: w / total for name, w in weights.items()}

    def _set_gates(self, answers, names, shared):
        """Set how much of the mixture each task takes, and what it loses and gains."""
        n_tasks = self.n_tasks_
        self.gate_, self.overall_gate_, own = np.ones(n_tasks), 1.0, shared
        if "independent" in names:
            own = answers.values[:, names.index("independent")]
            self.overall_gate_, self.gate_ = guard(answers, own, shared, n_tasks)
        mixed = own + self.gate_[answers.task] * (shared - own)
        loss, alone = (self._task_losses(answers, part) for part in (mixed, own))
        self.task_loss_ = self._units.size**2 * loss
        self.task_gain_ = np.full(n_tasks, np.nan)
        if "independent" in names:
            ratio = np.where(loss > 0.0, np.inf, 1.0)
            ratio = np.divide(loss, alone, out=ratio, where=~(alone <= 0.0))
            self.task_gain_ = 1.0 - ratio

    def _task_losses(self, answers, values):
        """Return the mean loss of each task, NaN where no rows are held out."""
        loss = answers.weight * loss_of(values, answers.target, answers.classify)
        total = np.bincount(answers.task, loss, self.n_tasks_)
        weight = np.bincount(answers.task, answers.weight, self.n_tasks_)
        nothing = np.full(self.n_tasks_, np.nan)
        return np.divide(total, weight, out=nothing, where=weight > 0.0)

    def _table(self, course, runners):
        """Return what was tried."""
        loss = []
        for runner in runners:
            values = getattr(runner, "values", None)
            if values is None or runner.status:
                loss.append(np.nan)
                continue
            answers = course.answers([values])
            loss.append(answers.mean(answers.losses())[0])
        # Columns of y have units of their own: their losses are in these.
        unit = 1.0 if np.ndim(self._units.size) else self._units.size**2
        names = [runner.name for runner in runners]
        return Candidates(
            np.array(names),
            unit * np.array(loss),
            np.array([self.weights_.get(name, 0.0) for name in names]),
            np.array([runner.status for runner in runners]),
        )

    def _set_outliers(self, course, answers, whole):
        """Set which tasks are unlike what all share."""
        shared = next((k for k in ("pooled_intercepts", "pooled") if k in whole), None)
        self.outlier_scores_ = np.full(self.n_tasks_, np.nan)
        if "boosting" in whole:
            self.outlier_scores_ = whole["boosting"].fitted.outlier_scores_
        elif shared is not None and self.n_tasks_ > 1:
            losses = answers.losses()[:, list(whole).index(shared)]
            nothing = course.answers([constant(course.sample)]).losses()[:, 0]
            sums = (
                np.bincount(answers.task, answers.weight * part, self.n_tasks_)
                for part in (losses, nothing, np.ones_like(nothing))
            )
            self.outlier_scores_ = outlier_scores(*sums)
        self.outlier_tasks_ = self.tasks_[flag(self.outlier_scores_)]

    def _learn_task(self, new):
        """Let the structures that can learn a single task do so.

        They predict it together; hierarchical coefficients if none of them can.
        """
        if not self._late_weights:
            raise ValueError(
                f"No structure of the mixture {list(self.weights_)} can learn a single "
                f"task: let structures include one of {sorted(LEARN_TASKS)}."
            )
        code, y = self._slots.size, new.y
        y = y.astype(np.int64) if self._n_classes() else self._to_units(y)
        values = self._features.read(self, new.X)
        tables = self._tables(values, np.full(len(y), float(code)))
        weight = self._weighted(new.weight, y, np.zeros(len(y), np.int64))
        learned = {}
        for key, model in self.estimators_.items():
            learned[key] = deepcopy(model) if hasattr(model, "fit_task") else model
            if hasattr(model, "fit_task"):
                table = tables[key == "boosting"]
                learned[key].fit_task(table, y, sample_weight=weight)
        self.estimators_ = learned
        self._slots = np.insert(self._slots, new.place, code)
        self.gate_ = np.insert(self.gate_, new.place, self.overall_gate_)
        for unknown in ("task_loss_", "task_gain_", "outlier_scores_"):
            values = np.insert(getattr(self, unknown), new.place, np.nan)
            setattr(self, unknown, values)

    def _answer(self, X):
        """Return numbers, or probabilities of classes (of the second for columns)."""
        features, task = self._open_query(X, numeric=False)
        values = self._features.read(self, features)
        if task is None:
            tables = self._tables(values, None)
            return self._mixed(tables, np.zeros(len(values), np.int64), self.gate_)
        code = np.append(self._slots, -1)[task]
        gate = np.append(self.gate_, 1.0)[task]
        tables = self._tables(values, code.astype(float))
        wide = self._n_classes() > 0
        return self._mixed(tables, code, gate[:, None] if wide else gate)

    def _mixed(self, tables, code, gate):
        """Return what the models say, each of them asked once."""
        late = code >= self._n_codes
        total, own = 0.0, 0.0
        for name, model in self.estimators_.items():
            weight = np.where(
                late, self._late_weights.get(name, 0.0), self.weights_.get(name, 0.0)
            )
            alone = name == "independent" and np.any(gate < 1.0)
            if not alone and not weight.any():
                continue
            said = ask(
                model,
                tables[name == "boosting"],
                self._n_classes(),
                self._tasks_are_targets,
            )
            total = total + weight.reshape(-1, *[1] * (said.ndim - 1)) * said
            own = said if alone else own
        return own + gate * (total - own)


def _weights_of(answers, names, wide):
    """Return the weights of structures in the mixture."""
    prior = 1.0 if wide else np.array([PLAUSIBLE.get(name, 1.0) for name in names])
    if "boosting" in names:
        answers = sobered(answers, names.index("boosting"))
    return mixture(answers, prior)


def _that_add(splits, n_rows):
    """Return the splits that hold out rows which those before them do not."""
    seen, kept = np.zeros(n_rows, bool), []
    for train, test in splits:
        if train.size and not seen[test].all():
            kept.append((train, test))
            seen[test] = True
    return kept


def constant(sample):
    """Return the answer that is best for all rows together, in the shape of answers."""
    y, weight = sample.y, sample.weight
    if sample.n_classes and not sample.wide:
        share = np.bincount(y.astype(np.int64), weight, sample.n_classes)
        return np.tile(share / share.sum(), (len(y), 1))
    if not sample.wide:
        return np.full(len(y), weight @ y / weight.sum())
    weight = np.where(np.isnan(y), 0.0, weight[:, None])
    total = np.maximum(weight.sum(axis=0), 1e-300)
    mean = (weight * np.nan_to_num(y)).sum(axis=0) / total
    return np.tile(mean, (len(y), 1))
