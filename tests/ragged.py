"""Random problems whose tasks differ in size, down to a single row."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def ragged_tasks(draw, max_tasks=4, max_rows=9, max_features=4):
    """Draw shuffled rows ``X, y, weight, task``."""
    sizes = draw(st.lists(st.integers(1, max_rows), min_size=1, max_size=max_tasks))
    n_features = draw(st.integers(1, max_features))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    task = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = rng.normal(size=(task.size, n_features))
    weight = rng.integers(1, 4, task.size).astype(float)
    return X, rng.normal(size=task.size), weight, task
