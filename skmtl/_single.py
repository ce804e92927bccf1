"""What stands for a single task where the user names nothing else."""

from sklearn.linear_model import BayesianRidge, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def single_model(classify):
    """Return unfitted ridge or logistic regression on standardised features."""
    if classify:
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    # With fewer rows than features, evidence has a second maximum that leaves no
    # noise; a search that starts from a strong penalty ends at the other one.
    model = BayesianRidge(alpha_init=1.0, lambda_init=1000.0)
    return make_pipeline(StandardScaler(), model)
