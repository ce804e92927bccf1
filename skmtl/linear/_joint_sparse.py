"""What models of joint sparsity share, whatever the loss."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._sklearn_compat import HasMethods, Interval, StrOptions
from ._penalties import JointSparsity

# How far down from the least strength that leaves nothing alpha="auto" tries.
SHORTEST = 1e-3
# Precision, relative to the loss at zero, of fits that only serve to choose alpha.
COARSE = 1e-4
# Strengths below the best one that are tried, at least, and the error relative to its
# at which no weaker ones are: they take longest.
BEYOND, WORSE = 5, 1.02


def penalty_of(l1_ratio, specific_cost):
    """Return the penalty whose multiples by alpha the user asks for."""
    specific = l1_ratio * specific_cost if specific_cost < 1.0 else np.inf
    return JointSparsity(float(l1_ratio), float(specific), 1.0 - float(l1_ratio))


def alpha_grid(strongest, n_alphas, shortest=SHORTEST):
    """Return strengths from the least that leaves nothing down, geometrically."""
    # Where no feature has to do with the targets, every strength leaves nothing.
    return (strongest or 1.0) * np.geomspace(1.0, shortest, n_alphas)


class JointSparse:
    """Parameters and fitted attributes of joint sparsity, whatever the loss."""

    _accepts_sparse = True

    def _needs_splits(self):
        return self.alpha == "auto"

    def _fit_problem(self, problem_of, source, splits, weight):
        """Fit to rows or moments after choosing ``alpha`` on the splits."""
        unit = penalty_of(self.l1_ratio, self.specific_cost)
        problem = problem_of(source, unit)
        self._set_alpha(problem, problem_of, unit, splits)
        solution = problem.solve(self.alpha_, self.tol, self.max_iter)
        blocks = np.moveaxis(solution.coef, -1, 0)
        parts = unit.parts(blocks.reshape(len(blocks), -1))
        parts = [np.moveaxis(part.reshape(blocks.shape), 0, -1) for part in parts]
        self._set_fit(solution, weight, *parts)

    def _set_alpha(self, problem, problem_of, unit, splits):
        """Take the strength the user asks for, or that of the least left-out error."""
        if splits is None:
            self.alpha_ = float(self.alpha)
            return
        alphas = alpha_grid(problem.strongest, self.n_alphas)
        self.cv_errors_ = self._left_out_errors(problem_of, unit, splits, alphas)
        self.alphas_ = alphas[: self.cv_errors_.size]
        self.alpha_ = float(self.alphas_[self.cv_errors_.argmin()])

    def _set_fit(self, solution, weight, joint, specific):
        """Set fitted attributes; tasks count by their weight in what is shared."""
        self._warn_unless_converged(solution)
        self.coef_, self.intercept_ = solution.coef, solution.intercept
        shared_coef, shared_intercept = solution.averaged(weight)
        self.shared_coef_, self.shared_intercept_ = shared_coef, shared_intercept
        self.dual_gap_, self.n_iter_ = float(solution.gap), int(solution.n_iter)
        self.joint_coef_, self.specific_coef_ = joint.copy(), specific.copy()

    def _left_out_errors(self, problem_of, unit, splits, alphas):
        """Return the mean loss of left-out rows at the strengths worth a try."""
        # All rows may be copies of one, which are never parted.
        splits = [(train, test) for train, test in splits if train.weight.any()]
        problems = [problem_of(train, unit) for train, _ in splits]
        total = sum(test.weight.sum() for _, test in splits) or 1.0
        tol, errors = max(self.tol, COARSE), []
        for alpha in alphas:
            error = 0.0
            for problem, (_, test) in zip(problems, splits, strict=True):
                solution = problem.solve(alpha, tol, self.max_iter)
                error += problem.error(test, solution)
            errors.append(error / total)
            best = int(np.argmin(errors))
            if len(errors) - best > BEYOND and errors[-1] > WORSE * errors[best]:
                break
        return np.array(errors)

    def _warn_unless_converged(self, solution):
        if solution.gap > solution.enough:
            warnings.warn(
                f"Stopped after {solution.n_iter} iterations with a duality gap of "
                f"{solution.gap:.3g}, above the {solution.enough:.3g} that tol="
                f"{self.tol} asks for. Raise max_iter, alpha or tol.",
                ConvergenceWarning,
                stacklevel=4,
            )


CONSTRAINTS = {
    "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "l1_ratio": [Interval(Real, 0, 1, closed="right")],
    "specific_cost": [Interval(Real, 0, 1, closed="right")],
    "n_alphas": [Interval(Integral, 1, None, closed="left")],
    "cv": [
        Interval(Integral, 2, None, closed="left"),
        HasMethods("split"),
        "array-like",
    ],
    "fit_intercept": ["boolean"],
    "tol": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
}
