"""Splitters that know which task a row belongs to.

They read the task from X, so that nothing but the splitter itself need be passed to
:class:`~sklearn.model_selection.GridSearchCV` and its like.
"""

from ._leave_one_task_out import LeaveOneTaskOut
from ._task_k_fold import TaskKFold
from ._task_time_series import TaskTimeSeriesSplit

__all__ = ["LeaveOneTaskOut", "TaskKFold", "TaskTimeSeriesSplit"]
