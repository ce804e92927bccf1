"""The methods of the leaderboard, each by one name and with one configuration.

A method takes a :class:`~benchmarks.accuracy_tables.Lesson` and returns a function of
features and tasks (None where columns of y are the tasks) that predicts numbers, or
probabilities of the second class. Hyper-parameters are chosen within the lesson.
"""

from typing import NamedTuple

OURS = "skmtl_"
FRONT_DOOR = "skmtl_automatic"
# What every multi-task model has to beat.
BASELINES = (
    *("linear_separate", "linear_pooled", "linear_dummies"),
    "lightgbm_category",
)


class Method(NamedTuple):
    """A method and where it applies: task columns, targets side by side, classes."""

    fit: object
    rows: bool = True
    targets: bool = True
    classes: bool = True

    def applies(self, table):
        """Return whether a table is of the kind that the method is for."""
        layout = self.targets if table.task is None else self.rows
        return layout and (self.classes or table.kind == "regression")


def methods():
    """Return all methods by name, rivals first."""
    from . import linear, mixed, multi_target, ours, trees

    every = {}
    for family in (linear, multi_target, trees, mixed, ours):
        every |= family.METHODS
    return every
