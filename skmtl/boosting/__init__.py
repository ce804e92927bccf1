"""Gradient boosting of decision trees for many tasks."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "MultiTaskBoostingClassifier": "_classifier",
        "MultiTaskBoostingRegressor": "_regressor",
        "TaskHeads": "_task_heads",
    },
)
