"""Multi-task learning on tables, for everyone who knows scikit-learn."""

from ._lazy import attach

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "IndependentTasks": "baselines",
        "MultiTaskClassifier": "automatic",
        "MultiTaskRegressor": "automatic",
        "PooledTasks": "baselines",
        "SafeTasks": "safety",
        "active": "active",
        "automatic": "automatic",
        "baselines": "baselines",
        "boosting": "boosting",
        "compose": "compose",
        "datasets": "datasets",
        "exceptions": "exceptions",
        "linear": "linear",
        "metrics": "metrics",
        "model_selection": "model_selection",
        "plotting": "plotting",
        "safety": "safety",
    },
)
