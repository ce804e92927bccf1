"""Linear models that learn many related tasks together."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "HierarchicalClassifier": "_hierarchical",
        "HierarchicalRegressor": "_hierarchical",
        "JointSparseClassifier": "_joint_sparse",
        "JointSparseRegressor": "_joint_sparse",
        "SharedCenterClassifier": "_shared_center",
        "SharedCenterRegressor": "_shared_center",
        "SharedRepresentationClassifier": "_shared_representation",
        "SharedRepresentationRegressor": "_shared_representation",
        "covariance_similarity": "_alignment",
        "joint_sparse_path": "_joint_sparse",
    },
)
