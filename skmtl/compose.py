"""Preprocessing that leaves the task alone, and converters between layouts."""

from ._keep_task import KeepTask, keep_task
from ._layouts import melt_targets, split_tasks, stack_tasks
from ._task_scaler import TaskStandardScaler

__all__ = [
    "KeepTask",
    "TaskStandardScaler",
    "keep_task",
    "melt_targets",
    "split_tasks",
    "stack_tasks",
]
