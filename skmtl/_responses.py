"""What an estimator says of rows, in the form in which a metric takes it."""

import numpy as np


def respond(estimator, X, response_method):
    """Return the first of these methods that the estimator has, and what it says."""
    names = [response_method] if isinstance(response_method, str) else response_method
    for name in names:
        if hasattr(estimator, name):
            return name, getattr(estimator, name)(X)
    raise AttributeError(
        f"{type(estimator).__name__} has none of the methods {list(names)}, which the "
        "metric needs."
    )


def one_task(metric, method, response, classes):
    """Return the metric and the response in the form in which the metric takes it."""
    response = np.asarray(response)
    if classes is None or method == "predict":
        return metric, response
    metric = metric.filled(labels=classes)
    if len(classes) != 2:
        return metric, response
    metric, first = with_positive_class(metric, classes)
    if response.ndim == 2 and response.shape[1] == 2:
        return metric, response[:, 0 if first else 1]
    response = response.reshape(len(response))
    if not first:
        return metric, response
    return metric, 1 - response if method == "predict_proba" else -response


def with_positive_class(metric, classes):
    """Return the metric told of its positive class, and whether that is the first."""
    if not metric.accepts("pos_label"):
        return metric, False
    if metric.default("pos_label") is None:
        metric = metric.filled(pos_label=classes[1])
    return metric, metric.default("pos_label") == classes[0]


def by_column(method, response, classes, n_tasks):
    """Yield the response and classes of each task that is a column of y.

    scikit-learn's estimators of several outputs answer with a list of arrays, or with
    one column per output, as those here do.
    """
    listed = isinstance(classes, list)
    if not isinstance(response, list):
        response = np.asarray(response)
        alone = n_tasks == 1 and response.size > len(response)
        response = [response] if alone else response.reshape(len(response), n_tasks).T
    if not listed and classes is not None and np.ndim(response[0]) == 1:
        # Estimators of label indicators list the labels, not the two values of each.
        classes = classes if len(classes) == 2 else np.array([0, 1])
    for t in range(n_tasks):
        yield response[t], classes[t] if listed else classes


def fitted_tasks(estimator):
    """Return the tasks that an estimator, or the one inside it, was fitted to."""
    if hasattr(estimator, "tasks_"):
        return estimator.tasks_
    for name in ("best_estimator_", "estimator_"):
        if hasattr(estimator, name):
            return fitted_tasks(getattr(estimator, name))
    if hasattr(estimator, "steps"):
        return fitted_tasks(estimator.steps[-1][1])
    return []
