"""Which columns of a table are features, tasks, categories and targets."""

from typing import NamedTuple

from skmtl.datasets._text import is_numeric


class Layout(NamedTuple):
    """The roles of named columns; every column without one is a feature.

    ``categorical=None`` leaves it to the columns: those that hold text are categories.
    """

    targets: tuple
    task: str | None = None
    categorical: tuple | None = None
    ignored: tuple = ()

    def check(self, columns):
        """Raise an error that lists the columns there are if one is not."""
        roles = {"target": self.targets, "categorical": self.categorical or ()}
        roles |= {
            "ignored": self.ignored,
            "task": () if self.task is None else (self.task,),
        }
        for role, names in roles.items():
            unknown = [name for name in names if name not in columns]
            if unknown:
                raise ValueError(
                    f"No {role} column {unknown[0]!r}: the columns are {list(columns)}."
                )
        if self.task in self.targets:
            raise ValueError(f"Column {self.task!r} cannot be both target and task.")
        if self.task is not None and len(self.targets) > 1:
            raise ValueError(
                f"Several targets {list(self.targets)} are tasks over shared rows and "
                f"leave no place for a task column, got task={self.task!r}."
            )
        if not self.features(columns):
            raise ValueError(f"No column is left as a feature among {list(columns)}.")

    def features(self, columns):
        """Return the names of the features, in the order of the table."""
        taken = {*self.targets, *self.ignored, self.task}
        return [name for name in columns if name not in taken]

    def is_category(self, name, texts, missing):
        """Tell whether a feature holds categories."""
        if self.categorical is not None:
            return name in self.categorical
        return not is_numeric(texts, missing)
