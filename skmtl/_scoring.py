"""The score that estimators have by default: over all observed targets, each alike."""

import numpy as np
from sklearn.base import is_classifier

from ._targets import is_observed


class ObservedScoreMixin:
    """Score predictions, also where some cells of y are missing."""

    def score(self, X, y, sample_weight=None):
        """Return R² of a regressor, or the accuracy of a classifier.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The same columns as at fit.
        y : array of shape (n_samples,) or (n_samples, n_tasks)
            True targets. With one task per column, observed cells count together, each
            as one row.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Over all rows of all tasks.
        """
        from sklearn.metrics import accuracy_score, r2_score

        metric = accuracy_score if is_classifier(self) else r2_score
        predicted, y = self.predict(X), np.asarray(y)
        if predicted.ndim == 2:
            observed = is_observed(y)
            if sample_weight is not None:
                weight = np.reshape(sample_weight, (-1, 1))
                sample_weight = np.broadcast_to(weight, y.shape)[observed]
            predicted, y = predicted[observed], np.array(y[observed].tolist())
        return metric(y, predicted, sample_weight=sample_weight)
