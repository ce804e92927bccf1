"""The only file that imports private scikit-learn names.

A scikit-learn release that moves one of them breaks this file and no other.
"""

from functools import wraps

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_params,
)
from sklearn.utils._tags import get_tags
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    _num_samples,
)

try:  # scikit-learn 1.9 introduced callbacks.
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:
        """Stand in where scikit-learn has no callbacks."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Hidden",
    "Interval",
    "InvalidParameterError",
    "StrOptions",
    "check_feature_names",
    "check_n_features",
    "check_sample_weight",
    "fitting",
    "get_tags",
    "n_threads_of",
    "num_samples",
    "safe_indexing",
    "scorer_parts",
    "validate_params",
]

check_feature_names = _check_feature_names
check_n_features = _check_n_features
num_samples = _num_samples
n_threads_of = _openmp_effective_n_threads


def check_sample_weight(sample_weight, X):
    """Return non-negative weights, not all zero, one per row of X."""
    weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if not weight.any():
        raise ValueError(
            f"All {len(weight)} values of sample_weight are zero: at least one row "
            "needs a positive weight."
        )
    return weight.astype(float, copy=False)


def scorer_parts(name):
    """Return the metric, sign, arguments and response method of a named scorer."""
    from sklearn.metrics import get_scorer

    scorer = get_scorer(name)
    return (
        scorer._score_func,
        scorer._sign,
        dict(scorer._kwargs),
        scorer._response_method,
    )


def fitting(method=None, *, nested=False):
    """Check parameters before a fit, report it to callbacks, undo it if it fails.

    An estimator whose ``fit`` raises stays as it was: a model fitted before can still
    predict. Use ``nested=True`` in estimators whose parameters are estimators.
    """
    if method is None:
        return lambda method: fitting(method, nested=nested)
    reported = _reporting(method) if method.__name__ == "fit" else method
    checked = _fit_context(prefer_skip_nested_validation=not nested)(reported)

    @wraps(method)
    def fit(self, *args, **kwargs):
        before = dict(vars(self))
        try:
            return checked(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return fit


def _reporting(method):
    """Let callbacks see the fit as one unit of work; without callbacks, do nothing."""

    @wraps(method)
    def fit(self, X, y=None, *args, **kwargs):
        if not hasattr(self, "_init_callback_context"):
            return method(self, X, y, *args, **kwargs)
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        method(self, X, y, *args, **kwargs)
        # The model is complete: what a callback reconstructs is the model itself.
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=dict
        )
        return self

    return fit
