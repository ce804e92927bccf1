"""What the estimators that choose among sources share: rows, splits, and answers."""

from numbers import Integral, Real

import numpy as np
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.parallel import Parallel, delayed

from .._columns import as_codes
from .._folds import task_folds, user_splits
from .._labels import encode, read_labels
from .._sklearn_compat import HasMethods, Interval, fitting, get_tags, safe_indexing
from .._task_column import split_table
from .._wrapping import (
    TaskWrapper,
    answer,
    weight_arguments,
    weight_names,
)
from ._source_tasks_choice import (
    Rows,
    Wrapped,
    fit_target,
    fit_to_all,
    tells_sources_apart,
)
from ._source_tasks_heads import linear_features, target_columns

# Where every task is a target in turn, one hierarchy tells the heads of all sources if
# tasks are more than this: what it then knows of a source from the target is little.
MANY_TASKS = 10


class SourceTasks(TaskWrapper):
    """What regressor and classifier share."""

    _parameter_constraints = {
        **TaskWrapper._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict"]), None],
        "target_task": [str, Real, "boolean", None],
        "max_tasks": [Interval(Integral, 1, None, closed="left"), None],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split"]),
            list,
            tuple,
        ],
        "n_jobs": [Integral, None],
    }
    # Features are needed as numbers, too: a sparse table would be filled.
    _accepts_sparse = False

    def __init__(
        self,
        estimator=None,
        *,
        target_task=None,
        max_tasks=None,
        task_feature=None,
        cv=5,
        unseen_task="shared",
        n_jobs=None,
    ):
        self.estimator = estimator
        self.target_task = target_task
        self.max_tasks = max_tasks
        self.task_feature = task_feature
        self.cv = cv
        self.unseen_task = unseen_task
        self.n_jobs = n_jobs

    @property
    def _accepts_wide_y(self):
        return self.target_task is None

    def _wrapped(self):
        return self._default() if self.estimator is None else self.estimator

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Another task's rows can outvote a task's only row.
        for kind in (tags.classifier_tags, tags.regressor_tags):
            if kind is not None and self.task_feature is not None:
                kind.poor_score = True
        return tags

    def _check_kind(self):
        super()._check_kind()
        if get_tags(self._wrapped()).estimator_type != self._kind:
            raise ValueError(
                f"{type(self).__name__} takes a {self._kind} of rows, got "
                f"{self.estimator!r}."
            )

    @fitting(nested=True)
    def fit(self, X, y, sample_weight=None):
        """Choose sources and fit the estimator, for the target or for every task.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features, and the column named by ``task_feature`` if there is one.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            Targets. Two dimensions make every column a task, NaN meaning "not
            observed"; only without ``task_feature`` and ``target_task``.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        self._check_kind()
        opened = self._open_rows(X, y, sample_weight)
        rows, wrapped = self._rows(opened), self._described(opened.weight)
        splits, position = self._splits(X, y, opened, rows), self._target_position()
        targets = range(self.n_tasks_) if position is None else [position]
        fits = self._fit_targets(rows, wrapped, splits, targets)
        self._keep(fits, targets, position)
        vars(self).pop("shared_estimator_", None)
        if position is None and self._fits_shared():
            self.shared_estimator_ = wrapped.fit_all(rows)
        return self

    def _fit_targets(self, rows, wrapped, splits, targets):
        """Return what was found for every target."""
        n_tasks, apart = self.n_tasks_, targets
        if self.max_tasks is None:
            apart = [t for t in targets if tells_sources_apart(rows, t)]
        heads = rows.heads(slice(None)) if len(apart) > MANY_TASKS else None
        fits = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_target)(
                rows, t, n_tasks, wrapped, splits(rows.task == t), self.max_tasks, heads
            )
            for t in apart
        )
        fits = dict(zip(apart, fits, strict=True))
        if len(apart) < len(targets):
            one = wrapped.fit_all(rows)
            alike = (fit_to_all(rows, t, n_tasks, one) for t in targets)
            fits = dict(zip(targets, alike, strict=True)) | fits
        return [fits[t] for t in targets]

    def _fits_shared(self):
        return self.task_feature is not None and self.unseen_task == "shared"

    def _target_position(self):
        """Return the place of the target among ``tasks_``, None if all are targets."""
        if self.target_task is None:
            return None
        label = read_labels(np.asarray([self.target_task]))
        position = int(encode(label, self.tasks_)[0])
        if position < 0:
            raise ValueError(
                f"target_task={self.target_task!r} has no rows; the tasks are "
                f"{self.tasks_.tolist()[:20]}."
            )
        return position

    def _rows(self, opened):
        """Return observed targets, each with its task, over a table held once."""
        X, y = opened.X, opened.y
        if y.ndim == 2:
            task, place = np.nonzero(~np.isnan(y.T))
            y = y[place, task]
        else:
            task, place = opened.task, np.arange(len(y))
        classes = self._class_labels()
        Y = target_columns(y, None if classes is None else classes.size)
        Z = linear_features(X)
        return Rows(X, Z, place, y, Y, task, opened.weight[place])

    def _described(self, weight):
        """Return the estimator to clone with what is known about it."""
        estimator, classes = self._wrapped(), self._class_labels()
        names = weight_names(estimator)
        if not names:  # An error where the user's own weights would be lost.
            weight_arguments(estimator, weight)
        probabilities = classes is not None and hasattr(estimator, "predict_proba")
        method = "predict_proba" if probabilities else "predict"
        return Wrapped(estimator, names, bool(names), method, classes)

    def _splits(self, X, y, opened, rows):
        """Return a function of a mask of target rows that returns masks of splits."""
        if not isinstance(self.cv, Integral):
            given = [
                [np.bincount(part, minlength=len(opened.y)) > 0 for part in split]
                for split in user_splits(self.cv, X, y, opened)
            ]
            masks = [[part[rows.place] for part in split] for split in given]
            return lambda of_target: masks
        codes, in_classes = as_codes(rows.X), self._kind == "classifier"

        def within(of_target):
            place, target = rows.place[of_target], rows.y[of_target]
            fold, one = np.full(of_target.size, -1), np.zeros(place.size, np.int64)
            fold[of_target] = task_folds(
                codes[place], target, one, self.cv, classifier=in_classes
            )
            numbers = np.unique(fold[of_target])
            return [(fold != f, fold == f) for f in numbers if numbers.size > 1]

        return within

    def _keep(self, fits, targets, position):
        """Set the attributes that describe the targets."""
        tasks = np.arange(self.n_tasks_)
        shares = np.array([fit.shares for fit in fits])
        factor = np.array([fit.factor for fit in fits])
        losses = np.array([fit.losses for fit in fits])
        selected = [
            self.tasks_[(fit.factor > 0.0) & (tasks != t)]
            for fit, t in zip(fits, targets, strict=True)
        ]
        uses = np.array([labels.size > 0 for labels in selected])
        for name in ("estimator_", "estimators_"):
            vars(self).pop(name, None)
        if position is None:
            self.estimators_ = [fit.estimator for fit in fits]
            self.relevance_, self.row_weights_, self.cv_losses_ = shares, factor, losses
            self.selected_tasks_, self.uses_sources_ = selected, uses
            return
        self.estimator_ = fits[0].estimator
        self.relevance_, self.row_weights_ = shares[0], factor[0]
        self.cv_losses_, self.uses_sources_ = losses[0], bool(uses[0])
        self.selected_tasks_ = selected[0]

    def _answer(self, X, method):
        if not hasattr(self, "estimator_"):
            return super()._answer(X, method)
        features, _ = self._open_query(X)
        return answer(self.estimator_, features, method, self._class_labels())

    def score(self, X, y, sample_weight=None):
        """Return R² of a regressor, or the accuracy of a classifier.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets. With one task per column, observed cells count together, each
            as one row.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Over all rows; with ``target_task``, over those of the target.
        """
        if self.target_task is None or self.task_feature is None:
            return super().score(X, y, sample_weight)
        predicted, y = self.predict(X), np.asarray(y)
        labels = split_table(self, X, reset=False)[1]
        rows = np.flatnonzero(labels == self.target_task)
        if not rows.size:
            raise ValueError(
                f"There is nothing to score: X has no rows of target_task="
                f"{self.target_task!r}."
            )
        if sample_weight is not None:
            sample_weight = safe_indexing(np.asarray(sample_weight), rows)
        metric = accuracy_score if self._kind == "classifier" else r2_score
        return metric(y[rows], predicted[rows], sample_weight=sample_weight)
