"""Which source tasks to collect samples of, and how many, for the sake of a target."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ActiveTaskClassifier": "_classifier",
        "ActiveTaskRegressor": "_regressor",
        "Allocation": "_allocation",
        "PoolOracle": "_pool",
        "SourceTasksClassifier": "_source_tasks",
        "SourceTasksRegressor": "_source_tasks",
        "expected_risk": "_risk",
        "optimal_allocation": "_allocation",
        "run_active_learning": "_driver",
        "source_relevance": "_relevance",
    },
)
