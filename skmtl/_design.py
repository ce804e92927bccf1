"""Features as linear models take them: numbers of like size, none of them missing."""

from typing import NamedTuple

import numpy as np

# Rounding makes the same numbers of rows in another order, whose mean differs by
# rounding: folds that go by the content of rows are then the same.
DIGITS = 9
# Of a column with more categories than this the heaviest have indicators.
MOST_INDICATORS = 50


class Design(NamedTuple):
    """How columns become those of a linear model.

    A number is centred and divided by its standard deviation. A missing one is taken
    for the mean, and has an indicator where training rows miss some. A category has an
    indicator for each of its values.

    Attributes
    ----------
    centre, size : float64 arrays of shape (n_numbers,)
    numbers, gaps : int arrays
        Columns that hold numbers, and those of them that training rows miss.
    categories : list of (int, float64 array)
        Columns that hold categories, and their codes that have indicators.
    """

    centre: np.ndarray
    size: np.ndarray
    numbers: np.ndarray
    gaps: np.ndarray
    categories: list

    def apply(self, values):
        """Return the design of rows: float64 array of shape (n_rows, n_columns)."""
        numbers = (values[:, self.numbers] - self.centre) / self.size
        numbers = np.round(np.nan_to_num(numbers, nan=0.0), DIGITS)
        blocks = [numbers, np.isnan(values[:, self.gaps]).astype(float)]
        for j, codes in self.categories:
            blocks.append((values[:, j, None] == codes).astype(float))
        return np.hstack(blocks)


def measure(values, weight, is_category):
    """Return the design that rows call for.

    Parameters
    ----------
    values : float64 array of shape (n_rows, n_features)
        NaN where missing; categories as codes.
    weight : float64 array of shape (n_rows,)
    is_category : bool array of shape (n_features,)
    """
    numbers = np.flatnonzero(~is_category)
    part = values[:, numbers]
    missing = np.isnan(part)
    known = np.where(missing, 0.0, weight[:, None])
    total = np.maximum(known.sum(axis=0), 1e-300)
    centre = (known * np.where(missing, 0.0, part)).sum(axis=0) / total
    away = np.where(missing, 0.0, part - centre)
    size = np.sqrt((known * away**2).sum(axis=0) / total)
    # What differs by rounding only is constant.
    size[size <= 1e-12 * np.abs(centre)] = 1.0
    categories = [(j, _heaviest(values[:, j], weight)) for j in _places(is_category)]
    gaps = numbers[missing.any(axis=0)]
    return Design(centre, np.where(size > 0.0, size, 1.0), numbers, gaps, categories)


def _places(mask):
    return np.flatnonzero(mask).tolist()


def _heaviest(codes, weight):
    """Return the codes that have indicators."""
    known = ~np.isnan(codes)
    values, place = np.unique(codes[known], return_inverse=True)
    order = np.argsort(-np.bincount(place, weight[known]), kind="stable")
    return np.sort(values[order[:MOST_INDICATORS]])
