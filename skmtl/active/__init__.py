"""Which source tasks to collect samples of, and how many, for the sake of a target."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Allocation": "_allocation",
        "expected_risk": "_risk",
        "optimal_allocation": "_allocation",
        "source_relevance": "_relevance",
    },
)
