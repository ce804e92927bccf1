"""What the active estimators share: which rows to collect next."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._labels import encode, extend_vocabulary, read_labels
from .._sklearn_compat import HasMethods, Interval, StrOptions
from ._arguments import read_number
from ._posterior import draw_heads
from ._relevance import source_relevance
from ._strategies import RULES, Question, levelled, whole

N_DRAWS = 24
# Expected risk of a target in the span, relative to its signal. The share of rows that
# explore grows with it up to the first, from where all do (measured: a threshold in its
# place costs up to a sixth of the saving, and 0.4 to 0.8 do equally well); above the
# second a learner says that it explores.
EXPLORE_ALL = 0.6
UNKNOWN = 0.2
# Least share that explores: what is known of heads rests on a model.
EXPLORE_ALWAYS = 0.1
SEVERAL = (list, tuple, set, frozenset, np.ndarray)
AXES = ("coef", "head")
# Shares above this part of an even one are more than exploration.
SELECTED = 0.1


class ActiveTasks:
    """Say which rows to collect next, from what is known of sources and targets."""

    _parameter_constraints = {
        "strategy": [StrOptions(set(RULES)), callable],
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "target_task": "no_validation",
        "costs": [HasMethods(["keys", "__getitem__"]), None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods("split"), list],
        "random_state": ["random_state"],
    }

    # Scores of a row: one for each class where there are more than two.
    _n_scores = 1

    def query(self, budget, *, available=None):
        """Return how many rows of each source to collect next.

        Nothing is changed: the same data, budget and ``random_state`` give the same
        answer.

        Parameters
        ----------
        budget : float
            Money to spend; rows to collect where there are no ``costs``.
        available : mapping, default=None
            The rows that can still be had of a source, by its label. A source that is
            not in it has any number of rows. Labels that fit has not seen are sources
            without rows so far.

        Returns
        -------
        rows : dict
            Number of rows by label, for sources of which there are any to collect, in
            the order of ``tasks_``. All of the budget need not be spent.
        """
        check_is_fitted(self)
        budget = read_number("budget", budget, low=0.0)
        labels, places = self._sources_for_sale(available)
        question = self._question(budget, labels, places, available)
        self._warn_if_too_little(question)
        rows = whole(*self._per_source(self._rows_wanted(question), question))
        return {
            label: int(n) for label, n in zip(labels.tolist(), rows, strict=True) if n
        }

    def _sources_for_sale(self, available):
        """Return the labels of all sources, and where those of fit are among them."""
        known = self.source_tasks_
        labels = known
        if available is not None and len(available.keys()):
            asked = read_labels(np.array(list(available.keys())))
            labels = extend_vocabulary(self.tasks_, asked)
            labels = labels[~np.isin(labels, self._never_bought)]
        if labels.size == 0:
            raise ValueError(
                f"No source task is known: fit saw the tasks {self.tasks_.tolist()} "
                "and available names no other. Name the sources in available, such as "
                "available={'a source': 100}."
            )
        places = encode(known, labels) if known.size else np.zeros(0, np.int64)
        return labels, places

    def _question(self, budget, labels, places, available):
        """Return what a rule is asked; with several classes, for each of their scores.

        A row of a source then is a part of a row for every score.
        """
        n_scores = self._n_scores
        most = np.full(labels.size, np.inf)
        limits = {} if available is None else dict(available)
        for m, label in enumerate(labels.tolist()):
            if label in limits:
                most[m] = _count(limits[label], label)
        every = np.arange(labels.size * n_scores).reshape(-1, n_scores)
        places = every[places].ravel()
        order = np.concatenate([places[self._order], np.setdiff1d(every, places)])
        span = self._span.with_sources(places, every.size)
        targets = np.array([target.head for target in self._targets]).T
        draws = draw_heads(span, self._drawn_targets(), order, N_DRAWS, self._seed)
        price = np.repeat(read_costs(self.costs, labels) / n_scores, n_scores)
        most = np.repeat(most, n_scores)
        explore = self._explore_share()
        return Question(span, targets, draws, price, most, budget, explore, order)

    def _per_source(self, rows, question):
        """Return rows of sources, and the question about them, from those of scores."""
        n_scores = self._n_scores
        if n_scores == 1:
            return rows, question
        order = question.order[question.order % n_scores == 0] // n_scores
        price = question.price[::n_scores] * n_scores
        rows = rows.reshape(-1, n_scores).mean(axis=1)
        most = question.most[::n_scores]
        return rows, question._replace(price=price, most=most, order=order)

    def _drawn_targets(self):
        return None if self.target_task is None else self._targets

    def _explore_share(self):
        """Return the share of a budget to spend evenly over all sources."""
        return float(np.clip(self._unknown / EXPLORE_ALL, EXPLORE_ALWAYS, 1.0))

    def _rows_wanted(self, question):
        if question.span.rank == 0 or question.budget <= 0.0:
            return levelled(question)
        if not callable(self.strategy):
            return RULES[self.strategy](question)
        c = question.targets
        rows = self.strategy(
            question.span.heads.T,
            c[:, 0] if c.shape[1] == 1 else c,
            question.budget,
            n_seen=question.span.rows,
            cost=question.price,
        )
        return _checked(rows, question)

    def _warn_if_too_little(self, question):
        """Warn of a budget with which the span cannot be known."""
        if self.target_task is None:
            return
        n_features, n_scores = len(question.span.basis), self._n_scores
        n_sources = question.price.size // n_scores
        rank = max(question.span.rank, 1)
        needed = rank * (n_features + n_sources - rank)
        rows = self.n_seen_.sum() + question.budget / (question.price.mean() * n_scores)
        if rows < needed:
            warnings.warn(
                f"The sources will have about {rows:.0f} rows, fewer than the {needed} "
                f"numbers that {rank} shared direction(s) of {n_features} features and "
                f"the heads of {n_sources} sources consist of. So few say little of "
                "which sources matter.",
                UserWarning,
                stacklevel=3,
            )

    @property
    def relevance_(self):
        """Mean relevance over draws of what heads may be."""
        return self._relevance_draws().mean(axis=0)

    @property
    def relevance_std_(self):
        """Standard deviation of the relevance over draws."""
        return self._relevance_draws().std(axis=0)

    @property
    def allocation_(self):
        """Shares of the next rows, as many as are held already."""
        check_is_fitted(self)
        places = np.arange(self.source_tasks_.size)
        if places.size == 0:
            return np.zeros(0)
        cost = read_costs(self.costs, self.source_tasks_)
        budget = max(float(cost @ self.n_seen_), float(cost.sum()))
        question = self._question(budget, self.source_tasks_, places, None)
        rows = self._per_source(self._rows_wanted(question), question)[0]
        return rows / max(rows.sum(), 1e-300)

    @property
    def selected_tasks_(self):
        """Sources with a share in the next rows beyond what explores."""
        shares = self.allocation_
        even = 1.0 / max(shares.size, 1)
        return self.source_tasks_[shares > SELECTED * even]

    def _relevance_draws(self):
        check_is_fitted(self)
        shape = [N_DRAWS, len(self._span.heads), len(self._targets)]
        if self._span.rank == 0:
            relevance = np.zeros(shape)
        else:
            order = self._order
            draws = draw_heads(
                self._span, self._drawn_targets(), order, N_DRAWS, self._seed
            )
            with warnings.catch_warnings():
                # What lies outside the span is told by ``coverage_``.
                warnings.simplefilter("ignore", UserWarning)
                relevance = np.array(
                    [
                        source_relevance(heads.T, targets)
                        for heads, targets in zip(*draws, strict=True)
                    ]
                )
        if self._n_scores > 1:
            shape = (
                N_DRAWS,
                -1,
                self._n_scores,
                shape[2] // self._n_scores,
                self._n_scores,
            )
            relevance = np.sqrt((relevance.reshape(shape) ** 2).sum(axis=(2, 4)))
        return relevance[:, :, 0] if self._one_target() else relevance

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


def read_costs(costs, labels):
    """Return the price of one row of each of some sources."""
    if costs is None:
        return np.ones(labels.size)
    known = set(costs.keys())
    missing = [label for label in labels.tolist() if label not in known]
    if missing:
        raise ValueError(
            f"costs must name the price of a row of every source; {missing[:5]} of "
            f"{labels.size} sources are missing."
        )
    price = np.array([float(costs[label]) for label in labels.tolist()])
    if not (np.isfinite(price) & (price > 0.0)).all():
        raise ValueError(
            f"costs must be positive and finite, got {price.min():g} as the least and "
            f"{price.max():g} as the largest."
        )
    return price


def _count(value, label):
    number = float(value)
    if not number >= 0.0:
        raise ValueError(
            f"available must hold numbers of rows >= 0, got {value!r} for {label!r}."
        )
    return number


def _checked(rows, question):
    """Return the answer of a user's rule, within bounds."""
    rows = np.asarray(rows, dtype=np.float64)
    if rows.shape != question.price.shape or not (rows >= 0.0).all():
        raise ValueError(
            f"strategy must return {question.price.size} numbers of rows >= 0, one for "
            f"each source, got {rows!r}."
        )
    rows = np.minimum(rows, question.most)
    cost = float(question.price @ rows)
    return rows * min(1.0, question.budget / cost) if cost > 0.0 else rows
