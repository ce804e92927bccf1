"""Linear models that learn many related tasks together."""

from .._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "HierarchicalClassifier": "_hierarchical_classifier",
        "HierarchicalRegressor": "_hierarchical",
        "JointSparseClassifier": "_joint_sparse_classifier",
        "JointSparseRegressor": "_joint_sparse_regressor",
        "SharedCenterClassifier": "_shared_center_classifier",
        "SharedCenterRegressor": "_shared_center_regressor",
        "SharedRepresentationClassifier": "_shared_representation_classifier",
        "SharedRepresentationRegressor": "_shared_representation_regressor",
        "covariance_similarity": "_alignment",
        "joint_sparse_path": "_joint_sparse_regressor",
    },
)
