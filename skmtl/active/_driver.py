"""Buy rows of source tasks round by round, as a learner advises."""

import contextlib
import logging

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_consistent_length

from ._driver_arguments import (
    equal_rows,
    prepare,
    read_budget,
    read_prices,
    read_tasks,
    schedule,
    target_labels,
    within,
)
from ._history import COLUMNS, history_of
from ._journal import Asked, Received, open_journal
from ._purchases import Layout, training_rows

__all__ = ["run_active_learning"]

logger = logging.getLogger("skmtl")


def run_active_learning(
    learner,
    oracle,
    budget,
    *,
    target=None,
    tasks=None,
    n_rounds="auto",
    costs=None,
    checkpoint=None,
    callback=None,
    verbose=False,
):
    """Spend a budget on rows of source tasks, in rounds, for the sake of a target.

    In the first round the same number of rows is bought of every source. In each later
    one, the learner is asked how to spend the next part of the budget
    (``learner.query``), the rows are bought of the oracle, and the learner learns from
    them (``learner.partial_fit``).

    Parameters
    ----------
    learner : estimator
        Such as :class:`ActiveTaskRegressor`, with ``task_feature`` set. It is cloned,
        and fitted to the target rows and what is bought; without `target`, a fitted
        learner is copied and goes on from where it is.
    oracle : callable
        ``oracle(task, n)`` returns ``(X, y)``, the next `n` rows of a task, where X has
        no task column. Fewer rows, or None, mean that the task has no more: it is not
        asked again. Rows beyond `n` are free. If the oracle has attributes ``tasks``
        and ``available`` (a mapping of labels to rows left), they are read.
    budget : float
        What may be spent: money if there are costs, else rows. Never exceeded.
    target : tuple (X, y), default=None
        The target's rows. X has the columns of bought rows, with or without the task
        column in its place; without it, ``learner.target_task`` must be one label.
    tasks : list of labels, default=None
        The sources. None means the oracle's ``tasks``, but for the target.
    n_rounds : int or "auto", default="auto"
        Number of rounds. The total spent grows geometrically from an eighth of the
        budget in the first round to all of it in the last; "auto" means six rounds.
        Where tasks run short, further rounds spend what is left on others.
    costs : mapping of labels to positive numbers, default=None
        Price of a row of each source, which replaces ``learner.costs``. None means the
        learner's.
    checkpoint : path-like or interrupted run, default=None
        A file to which each delivery is added as it arrives. If it exists, the run it
        belongs to is resumed: nothing that it holds is bought again, and the result is
        that of a run without interruption. Instead of a path, what an exception of an
        earlier run has as its attribute ``checkpoint``. Load only files you trust: they
        are pickles.
    callback : callable, default=None
        Called after each round with a :class:`~sklearn.utils.Bunch` of ``round``,
        ``spent``, ``budget``, ``asked``, ``received``, ``expected_risk``, ``exploring``
        and ``learner``.
    verbose : bool, default=False
        Report each round to the logger "skmtl", at level INFO.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        With the attributes

        learner : estimator
            Fitted to the target's and all bought rows.
        history : DataFrame
            One row for each round and task asked: ``round``, ``task``, ``asked``,
            ``received``, ``spent`` (on the task in this round), and the learner's
            ``expected_risk`` and ``exploring`` after it (NaN and False if it does not
            tell). Without pandas, a table whose columns are read in the same way.
        spent : float
            The sum spent.

    See Also
    --------
    PoolOracle : An oracle of a table that is there.
    skmtl.datasets.make_source_tasks : Problems with an oracle, and their truth.

    Notes
    -----
    What the oracle raises ends the run, because only its owner can know whether to try
    again, but nothing received is lost: it is in the file, and in the attribute
    ``checkpoint`` that the exception is given. The same call with that ``checkpoint``
    goes on with what the round has still to ask for. If a task cannot be had any more,
    leave it out of `tasks` in that call.

    An oracle with an attribute ``n_drawn`` (a mapping of labels to rows drawn), as
    :class:`PoolOracle` has, may begin anew when a run is resumed: rows that were
    received before are drawn and dropped. Any other oracle is taken to go on by itself.

    Examples
    --------
    A learner that divides each round's money equally:

    >>> from skmtl.active import PoolOracle, run_active_learning
    >>> from skmtl.datasets import load_radon
    >>> from skmtl.linear import HierarchicalRegressor
    >>> class Equal(HierarchicalRegressor):
    ...     def query(self, budget, *, available=None):
    ...         sources = [task for task, n in available.items() if n > 0]
    ...         return {task: budget // len(sources) for task in sources}
    >>> homes = load_radon()
    >>> X, y = homes.data, homes.target
    >>> here = X["county"] == "RICE"
    >>> oracle = PoolOracle(X[~here], y[~here], task_feature="county", random_state=0)
    >>> result = run_active_learning(
    ...     Equal(task_feature="county"),
    ...     oracle,
    ...     60,
    ...     target=(X[here], y[here]),
    ...     tasks=["DAKOTA", "HENNEPIN", "ST LOUIS"],
    ...     n_rounds=2,
    ... )
    >>> result.history[["round", "task", "received"]]
       round      task  received
    0      0    DAKOTA         2
    1      0  HENNEPIN         2
    2      0  ST LOUIS         2
    3      1    DAKOTA        18
    4      1  HENNEPIN        18
    5      1  ST LOUIS        18
    """
    run = _Run(learner, oracle, budget, target, tasks, costs)
    limits = schedule(run.budget, n_rounds)
    journal = open_journal(checkpoint)
    journal.begin(target, oracle)
    try:
        return run.complete(limits, journal, _reporters(callback, verbose))
    except BaseException as error:
        with contextlib.suppress(AttributeError):
            error.checkpoint = journal
        raise


class _Run:
    """The state of a run: what is known of tasks and prices, and what was spent."""

    def __init__(self, learner, oracle, budget, target, tasks, costs):
        self.learner = prepare(learner, target, costs)
        self.fitted = target is None
        self.oracle, self.target = oracle, target
        self.tasks = read_tasks(tasks, oracle, target_labels(learner))
        self.price = read_prices(self.learner, self.tasks)
        self.budget = read_budget(budget)
        self.layout = _layout(self.learner, target)
        self.left = dict.fromkeys(self.tasks, np.inf)
        self.spent, self.entries = 0.0, []

    def complete(self, limits, journal, reporters):
        """Run all rounds, beginning with those of the journal, and return the result.

        ``limits`` holds the sum that may be spent by the end of each step.
        """
        rounds, step, number = journal.rounds(), 0, 0
        journal.catch_up(self.oracle)
        while step < len(limits):
            received = []
            if number < len(rounds):
                asked, received = rounds[number]
            else:
                rows = self._ask(limits[step], number)
                if not rows:
                    step += 1
                    continue
                asked = journal.add(Asked(step, rows))
            delivered = self._buy(asked, received, journal)
            self._learn(delivered)
            self._report(number, asked, delivered, reporters)
            short = any(part.n_rows < part.n_asked for part in delivered)
            # Only tasks that ran short leave a part of the last step to others.
            last = asked.step >= len(limits) - 1
            step, number = asked.step + (not (last and short)), number + 1
        if not self.fitted:
            self._learn([])
        spent = self.spent if self.price_given else int(self.spent)
        return Bunch(
            learner=self.learner, history=history_of(self.entries), spent=spent
        )

    @property
    def price_given(self):
        """Whether a row can cost anything but one."""
        return getattr(self.learner, "costs", None) is not None

    def _buy(self, asked, received, journal):
        """Return all deliveries of a round, some of which the journal may hold."""
        delivered = [self._account(part) for part in received]
        done = {part.task for part in delivered}
        for task, n in asked.rows.items():
            if task not in done and task in self.left:
                part = journal.add(_deliver(self.oracle, task, n))
                delivered.append(self._account(part))
        return delivered

    def _report(self, number, asked, delivered, reporters):
        """Write the history of a round, and tell those who want to know."""
        risk, exploring = _prospects(self.learner)
        for part in delivered:
            what = part.task, part.n_asked, part.n_rows, self._value(part)
            entry = (number, *what, risk, exploring)
            self.entries.append(dict(zip(COLUMNS, entry, strict=True)))
        report = Bunch(
            round=number,
            spent=self.spent,
            budget=self.budget,
            asked=dict(asked.rows),
            received={part.task: part.n_rows for part in delivered},
            expected_risk=risk,
            exploring=exploring,
            learner=self.learner,
        )
        for reporter in reporters:
            reporter(report)

    def _value(self, part):
        paid = min(part.n_rows, part.n_asked)
        return paid * self.price[part.task] if self.price_given else paid

    def _account(self, part):
        """Note what a delivery costs, and whether its task has more."""
        if self.price_given and part.task not in self.price:
            raise ValueError(
                f"The checkpoint holds rows of task {part.task!r}, whose cost is not "
                "among costs."
            )
        self.spent += self._value(part)
        if part.task in self.left and part.n_rows < part.n_asked:
            self.left[part.task] = 0
        return part

    def _learn(self, delivered):
        y = None if self.target is None else self.target[1]
        rows = training_rows(self.layout, delivered, not self.fitted, y)
        if rows is None:
            return
        if self.fitted:
            self.learner.partial_fit(*rows)
        else:
            self.learner.fit(*rows)
            self.fitted = True

    def _available(self):
        """Return the rows that can still be had of each source, as far as known."""
        known = getattr(self.oracle, "available", None)
        if known is None:
            return dict(self.left)
        return {task: min(n, known.get(task, np.inf)) for task, n in self.left.items()}

    def _ask(self, limit, number):
        """Return the rows by task for the money up to a limit."""
        available = self._available()
        learned = set(getattr(self.learner, "tasks_", np.zeros(0)).tolist())
        new = {task: n for task, n in available.items() if n and task not in learned}
        if number == 0 and new:
            return equal_rows(new, self.price, limit, self.budget)
        money = limit - self.spent
        if money <= 0.0 or not any(available.values()):
            return {}
        answer = self.learner.query(
            money if self.price_given else int(money + 1e-9),
            available=self._for_learner(available),
        )
        rows = {task: int(min(answer.get(task, 0), n)) for task, n in available.items()}
        return within(rows, self.price, money)

    def _for_learner(self, available):
        """Return what a learner is told: whole numbers, and zero for other tasks."""
        enough = int(self.budget / min(self.price.values())) + 1
        told = {task: int(min(n, enough)) for task, n in available.items()}
        others = set(getattr(self.learner, "tasks_", np.zeros(0)).tolist())
        return told | dict.fromkeys(others - set(told), 0)


def _layout(learner, target):
    labels = target_labels(learner)
    label = labels[0] if len(labels) == 1 else None
    return Layout(learner.task_feature, label, None if target is None else target[0])


def _deliver(oracle, task, n):
    """Return what the oracle gives for a task."""
    answer = oracle(task, n)
    if answer is None:
        return Received(task, n, None, None)
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise TypeError(
            f"The oracle should return (X, y), but for task {task!r} it returned a "
            f"{type(answer).__name__}."
        )
    X, y = answer
    check_consistent_length(X, y)
    return Received(task, n, X, y)


def _prospects(learner):
    """Return the risk that the learner expects, and whether it still explores."""
    risk = getattr(learner, "expected_risk_", np.nan)
    return float(np.sum(risk)), bool(np.any(getattr(learner, "exploring_", False)))


def _reporters(callback, verbose):
    reporters = [_log] if verbose else []
    return reporters if callback is None else [*reporters, callback]


def _log(report):
    logger.info(
        "Round %d: %d rows of %d tasks, %g of %g spent, expected risk %.4g%s.",
        report.round,
        sum(report.received.values()),
        sum(n > 0 for n in report.received.values()),
        report.spent,
        report.budget,
        report.expected_risk,
        ", exploring" if report.exploring else "",
    )
