"""How far each task falls back from what is shared to a model of its own."""

import numpy as np

from ._blend import first_as_good
from ._gates import Gates, HeldOut, log_gates, squared_gates

# How far gates leave one.
SHARES = np.linspace(0.0, 1.0, 5)
# Standard errors by which gates must be better than none.
CLEARLY = 3.0
# Tasks with less weight of rows held out have the gate of tasks to come: of two rows,
# each is told by a model of the other, and one error says what the other is.
FEWEST = 4.0


def guard(answers, own, shared, n_tasks):
    """Return the weight of the shared predictions in each task.

    Gates are those of :class:`skmtl.safety.SafeTasks`, but for their caution: instead,
    all of them leave one only as far as gates that were fitted to other folds show to
    be clearly better.

    Parameters
    ----------
    answers : Answers
        Held-out targets.
    own, shared : float64 arrays of shape (n_cells,)
        What models of single tasks and what is shared say of these.
    n_tasks : int
    """
    folds = np.unique(answers.fold)
    if folds.size < 2:
        return Gates(1.0, np.ones(n_tasks))
    mixed = np.empty((answers.target.size, SHARES.size))
    for fold in folds:
        held = answers.fold == fold
        gates = _gates(answers, own, shared, n_tasks, ~held)
        away = (1.0 - gates.values[answers.task[held]]) * (own[held] - shared[held])
        mixed[held] = shared[held][:, None] + away[:, None] * SHARES
    share = SHARES[first_as_good(answers._replace(values=mixed), CLEARLY)]
    gates = _gates(answers, own, shared, n_tasks, answers.fold >= 0)
    overall, values = (1.0 - share * (1.0 - part) for part in gates)
    return Gates(float(overall), values)


def _gates(answers, own, shared, n_tasks, cells):
    """Return the gates that some held-out targets call for."""
    rows = np.bincount(answers.task, answers.weight, n_tasks)
    told = cells & (rows[answers.task] >= FEWEST)
    if not told.any():
        return Gates(1.0, np.ones(n_tasks))
    parts = answers.task, answers.weight, answers.target, own, shared
    find = log_gates if answers.classify else squared_gates
    n_folds = np.unique(answers.fold).size
    kept = 1.0 - 1.0 / n_folds
    return find(HeldOut(*(p[told] for p in parts)), n_tasks, kept, caution=0.0)
