"""What the active estimators share: what is known after a fit."""

import warnings

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._labels import encode, read_labels
from ._arguments import read_costs
from ._posterior import draw_heads
from ._relevance import source_relevance

N_DRAWS = 24
# Expected risk of a target in the span, relative to its signal, above which a learner
# says that it explores.
UNKNOWN = 0.2
# Mean relevance, in standard deviations over draws, of sources that matter.
SELECTED = 2.0
SEVERAL = (list, tuple, set, frozenset, np.ndarray)
AXES = ("coef", "head")


class Knowledge:
    """Sources, targets, and how much the former matter to the latter."""

    # Scores of a row: one for each class where there are more than two.
    _n_scores = 1

    @property
    def relevance_(self):
        """Mean relevance over draws of what heads may be."""
        return self._relevance_draws().mean(axis=0)

    @property
    def relevance_std_(self):
        """Standard deviation of the relevance over draws."""
        return self._relevance_draws().std(axis=0)

    @property
    def selected_tasks_(self):
        """Sources whose relevance is told from zero, for any target."""
        draws = self._signed_relevance()
        told = np.abs(draws.mean(axis=0)) > SELECTED * draws.std(axis=0)
        told = told.any(axis=1).reshape(-1, self._n_scores).any(axis=1)
        return self.source_tasks_[told]

    def _relevance_draws(self):
        """Return the relevance of sources, for every draw; its size over scores."""
        relevance, n_scores = self._signed_relevance(), self._n_scores
        if n_scores > 1:
            n_draws, n_sources, n_targets = relevance.shape
            shape = n_sources // n_scores, n_scores, n_targets // n_scores, n_scores
            squares = relevance.reshape(n_draws, *shape) ** 2
            relevance = np.sqrt(squares.sum(axis=(2, 4)))
        return relevance[:, :, 0] if self._one_target() else relevance

    def _signed_relevance(self):
        """Return the relevance of scores of sources to scores of targets, by draw."""
        check_is_fitted(self)
        if self._span.rank == 0:
            return np.zeros((N_DRAWS, len(self._span.heads), len(self._targets)))
        draws = self._drawn(self._span, self._order)
        with warnings.catch_warnings():
            # What lies outside the span is told by ``coverage_``.
            warnings.simplefilter("ignore", UserWarning)
            return np.array(
                [
                    source_relevance(heads.T, targets)
                    for heads, targets in zip(*draws, strict=True)
                ]
            )

    def _drawn(self, span, order):
        """Return draws of what heads may be; without targets, each source is one."""
        targets = None if self.target_task is None else self._targets
        return draw_heads(span, targets, order, N_DRAWS, self._seed)

    def _one_target(self):
        """Return whether the target is one label: attributes then drop an axis."""
        named = self.target_task
        return named is not None and not isinstance(named, SEVERAL)

    def _place_targets(self):
        """Return the positions of targets and of sources in ``tasks_``."""
        everyone = np.arange(self.n_tasks_)
        if self.target_task is None:
            return everyone, everyone
        wanted = self.target_task
        wanted_labels = list(wanted) if isinstance(wanted, SEVERAL) else [wanted]
        labels = read_labels(np.array(wanted_labels))
        places = np.unique(encode(labels, self.tasks_))
        if labels.size == 0 or places[0] < 0:
            unknown = labels[encode(labels, self.tasks_) < 0].tolist()
            raise ValueError(
                f"target_task={wanted!r} must name tasks that have rows; {unknown} "
                f"are none of {self.tasks_.tolist()[:10]}."
            )
        return places, np.setdiff1d(everyone, places)

    def _set_learned(self, learned, weight, targets, sources):
        """Set what does not depend on how the coefficients of sources are found."""
        self.target_tasks_, self.source_tasks_ = (
            self.tasks_[targets],
            self.tasks_[sources],
        )
        self._never_bought = self.target_tasks_[
            : 0 if self.target_task is None else None
        ]
        self._span, self._targets = learned.span, learned.targets
        self._order, self._target_rows = learned.order, weight[targets]
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.n_seen_ = weight[sources]
        cost = read_costs(self.costs, self.source_tasks_)
        self.cost_spent_ = float(cost @ self.n_seen_)
        self.components_ = np.ascontiguousarray(learned.span.basis.T)
        self.rank_, self.rank_losses_ = learned.span.rank, learned.rank_losses
        self.task_coef_, self.n_iter_ = learned.span.heads, learned.n_iter
        self._set_targets(learned.targets)

    def _set_targets(self, fits):
        """Set what is known of the targets; the mean over scores where a task has more.

        Attributes of one target have no axis for targets.
        """
        n_scores = self._n_scores
        coef, head = (np.array([getattr(f, name) for f in fits]) for name in AXES)
        coverage = np.array([f.coverage for f in fits]).reshape(-1, n_scores)
        if n_scores > 1:
            shape = len(fits) // n_scores, n_scores
            coef, head = (a.reshape(*shape, a.shape[1]) for a in (coef, head))
        one = self._one_target()
        self.target_coef_ = coef[0] if one else coef
        self.target_head_ = head[0] if one else head
        coverage = coverage.mean(axis=1)
        self.coverage_ = float(coverage[0]) if one else coverage
        self.head_kind_ = np.array([fit.kind for fit in fits])
        self.head_losses_ = np.array([fit.losses for fit in fits])
        self.noise_variance_ = float(np.mean([fit.noise for fit in fits]))
        self.expected_risk_ = float(np.mean([fit.expected_risk for fit in fits]))
        self._unknown = float(np.median([fit.span_risk for fit in fits]))
        self.exploring_ = bool(self._unknown > UNKNOWN)

    def _set_target_estimator(self, targets):
        """Set the estimators that take rows of a target without the task column."""
        vars(self).pop("target_estimator_", None)
        if self.target_task is None:
            return
        models = [self._alone(t) for t in targets]
        names = getattr(self, "feature_names_in_", None)
        for model in models:
            model.n_features_in_ = self.coef_.shape[-1]
            if names is not None:
                column = [] if self.task_feature is None else [self._task_column]
                model.feature_names_in_ = np.delete(names, column)
        named = dict(zip(self.target_tasks_.tolist(), models, strict=True))
        self.target_estimator_ = models[0] if self._one_target() else named

    def _warn_of_targets(self):
        """Warn of targets that the sources cannot help as hoped."""
        if self.target_task is None:
            return
        names = self.target_tasks_.tolist()
        first = self._targets[:: self._n_scores]
        for name, target, rows in zip(names, first, self._target_rows, strict=True):
            if self._span.rank >= rows > 0 and self._span.rank > 0:
                warnings.warn(
                    f"Target task {name!r} has {rows:g} row(s), not more than the "
                    f"{self._span.rank} shared directions: its head is mostly what the "
                    "heads of the sources let expect. A lower rank may serve better.",
                    UserWarning,
                    stacklevel=5,
                )
            if target.outside and not self.exploring_:
                warnings.warn(
                    f"Target task {name!r} lies partly outside the span of the "
                    f"sources, which covers about {target.coverage:.0%} of its signal "
                    "(coverage_). More rows of these sources will not help the rest.",
                    UserWarning,
                    stacklevel=5,
                )
