"""Pictures of tasks: how they score, how alike they are, and which to sample next.

Displays follow scikit-learn's: a class method computes what is to be shown and draws
it, ``plot`` draws it again. Drawing needs matplotlib; importing this package does not.
"""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AllocationDisplay": "_allocation",
        "BoostingStagesDisplay": "_stages",
        "ElfvingDisplay": "_elfving",
        "OutlierTaskDisplay": "_outliers",
        "RelevanceDisplay": "_relevance",
        "RelevancePathDisplay": "_relevance_path",
        "RiskCurveDisplay": "_risk",
        "SharedRepresentationDisplay": "_representation",
        "TaskGainDisplay": "_gain",
        "TaskScoreDisplay": "_scores",
        "TaskSimilarityDisplay": "_similarity",
    },
)
