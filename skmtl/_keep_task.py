"""Any transformer on the features only, with the task column let through."""

from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from ._frames import rejoin
from ._sklearn_compat import HasMethods, StrOptions, fitting, get_tags
from ._task_column import split_table


class KeepTask(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Apply a transformer to all columns but the task, which comes out last.

    :func:`keep_task` is the short way to make one. A pandas or polars frame gives a
    frame of the same kind with the transformer's own column names, an array gives an
    array, and :meth:`set_output` can ask for something else. After it
    ``task_feature=-1`` names the task in arrays and frames alike, and in frames its
    name still does.

    Parameters
    ----------
    transformer : transformer or "passthrough"
        What to do with the features; it never sees the task.
    task_feature : str, int or None
        The task's column in X: its name or its position. None applies the transformer
        to all columns.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    n_features_in_ : int
        Number of columns of X, the task included.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    TaskStandardScaler : Standardize within each task.
    sklearn.compose.ColumnTransformer : Another transformer for every set of columns.

    Notes
    -----
    A frame has no sparse columns here: the sparse result of a transformer becomes
    dense in a frame, and next to a task column of text. An array or sparse matrix whose
    tasks are numbers stays sparse.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmtl.compose import KeepTask
    >>> table = pd.DataFrame({"school": ["a", "b"], "hours": [1.0, 3.0]})
    >>> KeepTask(StandardScaler(), "school").fit_transform(table)
       hours school
    0   -1.0      a
    1    1.0      b
    """

    _parameter_constraints = {
        "transformer": [HasMethods(["fit", "transform"]), StrOptions({"passthrough"})],
        "task_feature": [str, Integral, None],
    }
    # Whether sparse X is welcome is for the transformer to say.
    _accepts_sparse = True

    def __init__(self, transformer, task_feature):
        self.transformer = transformer
        self.task_feature = task_feature

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._new_transformer(copy=False))
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.target_tags.required = inner.target_tags.required
        tags.non_deterministic = inner.non_deterministic
        return tags

    @fitting(nested=True)
    def fit(self, X, y=None, **params):
        """Fit the transformer to the features.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features and the task column.
        y : array of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, for transformers that use them.
        **params : dict
            Passed to the transformer's ``fit``; with metadata routing, those that it
            requests.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        features, _ = split_table(self, X, reset=True)
        routed = self._routed("fit", params)
        self.transformer_ = self._new_transformer().fit(features, y, **routed)
        return self

    @fitting(nested=True)
    def fit_transform(self, X, y=None, **params):
        """Fit the transformer to the features and return them transformed.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            Features and the task column.
        y : array of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, for transformers that use them.
        **params : dict
            Passed to the transformer's ``fit_transform``; with metadata routing, those
            that it requests.

        Returns
        -------
        X_out : table of shape (n_samples, n_features_out)
            The transformed features, and the task as the last column.
        """
        features, _ = split_table(self, X, reset=True)
        routed = self._routed("fit_transform", params)
        self.transformer_ = self._new_transformer()
        values = self.transformer_.fit_transform(features, y, **routed)
        return self._rejoined(X, values)

    def transform(self, X):
        """Transform the features and let the task through.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.

        Returns
        -------
        X_out : table of shape (n_samples, n_features_out)
            The transformed features, and the task as the last column.
        """
        check_is_fitted(self, "transformer_")
        features, _ = split_table(self, X, reset=False)
        return self._rejoined(X, self.transformer_.transform(features))

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that come out.

        Parameters
        ----------
        input_features : array of shape (n_features,), default=None
            Names of the columns of X, the task included; those seen at fit, or x0, x1
            and so on, if None.

        Returns
        -------
        names : ndarray of shape (n_features_out,)
            The transformer's own names, and the task's at the end.
        """
        check_is_fitted(self, "transformer_")
        names = super().get_feature_names_out(input_features)
        if self.task_feature is None:
            return self.transformer_.get_feature_names_out(names)
        others = np.delete(names, self._task_column)
        inner = self.transformer_.get_feature_names_out(others)
        return np.append(inner, names[self._task_column])

    def get_metadata_routing(self):
        """Return where the parameters of ``fit`` go: to the transformer.

        Returns
        -------
        routing : MetadataRouter
            What the transformer requests.
        """
        mapping = MethodMapping()
        mapping.add(caller="fit", callee="fit")
        mapping.add(caller="fit_transform", callee="fit_transform")
        inner = self._new_transformer(copy=False)
        return MetadataRouter(owner=self).add(transformer=inner, method_mapping=mapping)

    def _new_transformer(self, copy=True):
        if isinstance(self.transformer, str):
            return FunctionTransformer(feature_names_out="one-to-one")
        return clone(self.transformer) if copy else self.transformer

    def _routed(self, method, params):
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, method, **params).transformer[method]
        return params

    def _rejoined(self, X, values):
        position = None if self.task_feature is None else values.shape[1]
        return rejoin(self, X, values, self._names(values), position)

    def _names(self, values):
        """Return names even for a transformer that does not name its columns."""
        if hasattr(self.transformer_, "get_feature_names_out"):
            return self.get_feature_names_out()
        prefix = type(self.transformer_).__name__.lower()
        names = getattr(values, "columns", None)
        if names is None:
            names = [f"{prefix}{j}" for j in range(values.shape[1])]
        if self.task_feature is None:
            return list(names)
        return [*names, super().get_feature_names_out()[self._task_column]]


def keep_task(transformer, task_feature):
    """Keep the task column out of a transformer's reach.

    Scalers, encoders, selectors and projections must not touch the column that says
    which task a row belongs to. This wraps any of them, or a whole pipeline of them,
    for use in a pipeline.

    Parameters
    ----------
    transformer : transformer or "passthrough"
        What to do with the other columns.
    task_feature : str, int or None
        The task's column in X: its name or its position.

    Returns
    -------
    transformer : KeepTask
        A transformer whose last column is the task. Frames stay frames of their kind,
        so that a following ``task_feature`` can be the same name; in arrays it is -1.

    See Also
    --------
    TaskStandardScaler : Scales every task by its own mean and deviation.
    KeepTask : What is returned.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmtl.compose import keep_task
    >>> table = pd.DataFrame(
    ...     {"school": ["a", "b", "b"], "hours": [1.0, 3.0, 4.0], "age": [9, 8, 7]}
    ... )
    >>> steps = make_pipeline(StandardScaler(), PCA(n_components=1))
    >>> keep_task(steps, "school").fit_transform(table).columns.tolist()
    ['pca0', 'school']
    """
    return KeepTask(transformer, task_feature)
