"""The door of the driver: the learner to fit, sources, prices, budget and rounds."""

from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length, check_is_fitted

# The first round gets one eighth of the budget, and "auto" makes rounds that multiply
# the total spent by about 1.5.
FIRST_SHARE = 1.0 / 8.0
AUTO_ROUNDS = 6


def prepare(learner, target, costs):
    """Return the learner to fit: a clone, or a copy of one that goes on."""
    if getattr(learner, "task_feature", None) is None:
        raise ValueError(
            "The learner's task_feature is None; name the column of its table that is "
            "to hold each row's task, such as task_feature=-1."
        )
    if target is None:
        check_is_fitted(learner)
        learner = deepcopy(learner)
    else:
        check_consistent_length(*target)
        learner = clone(learner)
    return learner if costs is None else learner.set_params(costs=costs)


def target_labels(learner):
    """Return the labels that the learner's target_task names, if any."""
    named = getattr(learner, "target_task", None)
    if named is None:
        return []
    several = isinstance(named, (list, tuple, np.ndarray))
    return list(named) if several else [named]


def read_tasks(tasks, oracle, targets):
    """Return the labels of the sources."""
    if tasks is None:
        if not hasattr(oracle, "tasks"):
            raise ValueError(
                "The oracle has no attribute tasks: pass the labels of the sources as "
                "tasks."
            )
        tasks = [task for task in oracle.tasks if task not in targets]
    tasks = list(tasks)
    if not tasks or len(set(tasks)) < len(tasks):
        raise ValueError(f"tasks must be different labels, at least one, got {tasks}.")
    for task in tasks:
        if task in targets:
            raise ValueError(f"tasks are the sources, but {task!r} is the target.")
    return tasks


def read_prices(learner, tasks):
    """Return the price of a row of each task: one without costs."""
    costs = getattr(learner, "costs", None)
    if costs is None:
        return dict.fromkeys(tasks, 1.0)
    missing = [task for task in tasks if task not in costs]
    if missing:
        raise ValueError(f"costs has no entry for the tasks {missing[:5]}.")
    bad = {task: costs[task] for task in tasks if not 0.0 < costs[task] < np.inf}
    if bad:
        raise ValueError(f"costs must be positive and finite, got {bad}.")
    return {task: float(cost) for task, cost in costs.items()}


def read_budget(budget):
    number = isinstance(budget, Real) and not isinstance(budget, bool)
    if not number or not 0.0 < budget < np.inf:
        raise ValueError(f"budget must be a positive finite number, got {budget!r}.")
    return float(budget)


def schedule(budget, n_rounds):
    """Return the sum that may be spent by the end of each round."""
    if isinstance(n_rounds, str) and n_rounds == "auto":
        n_rounds = AUTO_ROUNDS
    whole = isinstance(n_rounds, Integral) and not isinstance(n_rounds, bool)
    if not whole or n_rounds < 1:
        raise ValueError(f"n_rounds must be 'auto' or an int >= 1, got {n_rounds!r}.")
    limits = budget * FIRST_SHARE ** np.linspace(1.0, 0.0, n_rounds)
    limits[-1] = budget
    return limits


def equal_rows(available, price, limit, budget):
    """Return the same number of rows of every task; of the cheapest if money is short.

    One row of each may take more than the limit, but not more than the budget.
    """
    cost_of_one = sum(price[task] for task in available)
    n = int(limit / cost_of_one + 1e-9)
    if n == 0 and cost_of_one > budget:
        chosen, money = [], budget
        for task in sorted(available, key=price.get):
            if price[task] <= money:
                chosen.append(task)
                money -= price[task]
        available = {task: available[task] for task in available if task in chosen}
    rows = {task: int(min(max(n, 1), left)) for task, left in available.items()}
    return {task: n for task, n in rows.items() if n > 0}


def within(rows, price, money):
    """Return the rows, cut in proportion where they cost more than there is."""
    cost = sum(n * price[task] for task, n in rows.items())
    share = 1.0 if cost <= money * (1.0 + 1e-9) else money / cost
    cut = {task: int(share * n + 1e-9) for task, n in rows.items()}
    return {task: n for task, n in cut.items() if n > 0}
