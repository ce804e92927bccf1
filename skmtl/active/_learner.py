"""What the active estimators share: which rows to collect next."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._labels import encode, extend_vocabulary, read_labels
from .._sklearn_compat import HasMethods, Interval, StrOptions
from ._arguments import read_costs, read_number
from ._knowledge import Knowledge
from ._strategies import RULES, Question, levelled, whole

# Expected risk of a target in the span, relative to its signal. The share of rows that
# explore grows with it up to this, from where all do (measured: a threshold in its
# place costs up to a sixth of the saving, and 0.4 to 0.8 do equally well).
EXPLORE_ALL = 0.6
# Least share that explores: what is known of heads rests on a model.
EXPLORE_ALWAYS = 0.1


class ActiveTasks(Knowledge):
    """Say which rows to collect next, from what is known of sources and targets."""

    _parameter_constraints = {
        "strategy": [StrOptions(set(RULES)), callable],
        "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "target_task": "no_validation",
        "costs": [HasMethods(["keys", "__getitem__"]), None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods("split"), list],
        "random_state": ["random_state"],
    }

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
        draws = self._drawn(span, order)
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
