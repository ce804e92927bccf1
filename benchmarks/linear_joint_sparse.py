"""Time joint sparsity beside scikit-learn, celer, skglm and mutar, at equal precision.

Run ``python -m benchmarks.linear_joint_sparse [path] [single] [tasks] [first]``; all
parts take about half an hour, nearly all of it the rivals' paths. Rivals that are not
installed are left out. Figures are processor time on one thread, how many times longer
the rival takes, with the duality gap it reached as a part of the loss at zero; ours is
asked for 1e-6. Rivals get arrays in the layout they like best, and the loosest of a few
tolerances that reaches 1e-6, or the tightest if none does.
"""

from benchmarks import threads

threads.pin()

import importlib.util
import statistics
import sys
import time
import warnings

import numpy as np
from sklearn.linear_model import MultiTaskLasso, enet_path

from benchmarks.measuring import cold_cache, process_seconds, ratio, table
from skmtl.linear import JointSparseRegressor, joint_sparse_path
from skmtl.linear._block_descent import certify
from skmtl.linear._penalties import JointSparsity

PRECISION = 1e-6
TALL = {"n_rows": 5000, "n_features": 500, "n_tasks": 100}
WIDE = {"n_rows": 1000, "n_features": 5000, "n_tasks": 20}
IMPORTS = """
import numpy as np
from skmtl.linear import JointSparseRegressor
"""
FIRST_FIT = f"""{IMPORTS}
rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(size=(200, 5)), np.arange(200) % 10])
JointSparseRegressor(0.1, task_feature=-1).fit(X, X[:, 0] + rng.normal(size=200))
"""


def timed(call):
    """Return the processor time of a call and what it returns."""
    start = time.process_time()
    answer = call()
    return time.process_time() - start, answer


def correlated(rng, shape):
    """Return features of which neighbours have a correlation of one half."""
    X = rng.normal(size=shape)
    for j in range(1, shape[-1]):
        X[..., j] = 0.5 * X[..., j - 1] + np.sqrt(0.75) * X[..., j]
    return X


class Shared:
    """Tasks over the same rows, twenty features of which matter to all of them."""

    def __init__(self, n_rows, n_features, n_tasks):
        rng = np.random.default_rng(0)
        self.X = correlated(rng, (n_rows, n_features))
        W = np.zeros((n_features, n_tasks))
        chosen = rng.choice(n_features, 20, replace=False)
        W[chosen] = rng.normal(size=(20, n_tasks))
        signal = self.X @ W
        noise = rng.normal(size=signal.shape)
        self.Y = signal + noise * np.linalg.norm(signal) / np.linalg.norm(noise) / 3.0
        self.X -= self.X.mean(axis=0)
        self.Y -= self.Y.mean(axis=0)
        self.by_columns = np.asfortranarray(self.X), np.asfortranarray(self.Y)
        self.correlation = self.X.T @ self.Y / n_rows
        self.energy = 0.5 * (self.Y**2).sum() / n_rows
        self.strongest = np.sqrt((self.correlation**2).sum(axis=1)).max()
        self.name = f"{n_rows} x {n_features}, {n_tasks} tasks"

    def gap(self, alpha, W):
        """Return the relative duality gap of anyone's coefficients."""
        slope = self.X.T @ (self.Y - self.X @ W) / len(self.X)
        args = self.energy, self.correlation, JointSparsity(alpha), W, slope
        return certify(*args).gap / self.energy


class OwnRows:
    """Tasks with 200 rows each, twenty features of which matter to all of them."""

    def __init__(self, scaled):
        rng = np.random.default_rng(0)
        n_tasks, n_rows, n_features = 50, 200, 300
        scale = np.exp(scaled * rng.normal(size=n_tasks))
        self.X = correlated(rng, (n_tasks, n_rows, n_features)) * scale[:, None, None]
        W = np.zeros((n_features, n_tasks))
        chosen = rng.choice(n_features, 20, replace=False)
        W[chosen] = rng.normal(size=(20, n_tasks))
        W += (rng.random(W.shape) < 0.01) * rng.normal(scale=2.0, size=W.shape)
        self.Y = np.einsum("tij,jt->ti", self.X, W / scale)
        self.Y += rng.normal(scale=self.Y.std() / 3.0, size=self.Y.shape)
        self.X -= self.X.mean(axis=1, keepdims=True)
        self.Y -= self.Y.mean(axis=1, keepdims=True)
        task = np.repeat(np.arange(n_tasks), n_rows)
        self.table = np.column_stack([self.X.reshape(-1, n_features), task])
        self.correlation = np.einsum("tij,ti->jt", self.X, self.Y) / n_rows
        self.energy = 0.5 * (self.Y**2).sum() / n_rows
        self.name = "50 x 200 x 300" + (", scales differ" if scaled else "")

    def gap(self, penalty, W):
        """Return the relative duality gap of anyone's coefficients."""
        residual = self.Y - np.einsum("tij,jt->ti", self.X, W)
        slope = np.einsum("tij,ti->jt", self.X, residual) / residual.shape[1]
        args = self.energy, self.correlation, penalty, W, slope
        return certify(*args).gap / self.energy


def reaching(solve, gap, tolerances):
    """Return the time and gap of the loosest tolerance that is precise enough."""
    for tol in tolerances:
        spent, answer = timed(lambda tol=tol: solve(tol))
        reached = gap(answer)
        if reached <= PRECISION:
            break
    return spent, reached


def by_scikit_learn(problem, alpha):
    X, Y = problem.by_columns

    def solve(tol):
        model = MultiTaskLasso(
            alpha, fit_intercept=False, copy_X=False, tol=tol, max_iter=100000
        )
        return model.fit(X, Y).coef_.T

    # Its tolerance is relative to the squared norm, which is twice the loss at zero.
    return solve, [0.5 * PRECISION]


def by_celer(problem, alpha):
    from celer.homotopy import mtl_path

    X, Y = problem.by_columns

    def solve(tol):
        return mtl_path(X, Y, alphas=[alpha], tol=tol, max_iter=500)[1][:, :, 0].T

    return solve, [PRECISION, 0.1 * PRECISION]


def by_skglm(problem, alpha):
    from skglm.datafits import QuadraticMultiTask
    from skglm.penalties import L2_1
    from skglm.solvers import MultiTaskBCD
    from skglm.utils.jit_compilation import compiled_clone

    X, Y = problem.by_columns
    datafit = compiled_clone(QuadraticMultiTask())

    def solve(tol):
        datafit.initialize(X, Y)
        solver = MultiTaskBCD(tol=tol, max_iter=200, fit_intercept=False)
        return solver.solve(X, Y, datafit, compiled_clone(L2_1(alpha)))[0]

    return solve, [problem.strongest * part for part in (1e-2, 1e-3, 1e-4)]


RIVALS = {"sklearn": by_scikit_learn, "celer": by_celer, "skglm": by_skglm}


def installed(names):
    """Yield the names of modules that are there, and say which are not."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed")
        else:
            yield name


def single():
    """Yield single strengths from few features to nearly all of them."""
    rivals = list(installed(RIVALS))
    for shape in (TALL, WIDE):
        problem = Shared(**shape)
        for part in (0.5, 0.1, 0.05, 0.02, 0.01):
            alpha = part * problem.strongest
            model = JointSparseRegressor(alpha, fit_intercept=False, tol=PRECISION)
            model.fit(problem.X, problem.Y)
            for name in rivals:
                if name == "skglm" and part < 0.02:
                    continue
                solve, tolerances = RIVALS[name](problem, alpha)
                if part == 0.5:
                    solve(tolerances[0])
                fits = [
                    timed(lambda m=model, p=problem: m.fit(p.X, p.Y))[0] for _ in "123"
                ]
                spent, gap = reaching(
                    solve, lambda W, p=problem, a=alpha: p.gap(a, W), tolerances
                )
                measured = spent / statistics.median(fits)
                used = f"{int(model.coef_.any(axis=0).sum())} features"
                case = f"{problem.name}, {part:g} of the strongest, {used}"
                yield case, name, f"{measured:.2f}", f"{gap:.0e}", ">= 0.91"


def path():
    """Yield paths of 100 strengths over shared rows."""
    for shape, shortest, bar in ((TALL, 0.01, ">= 20"), (WIDE, 0.03, ">= 2")):
        problem = Shared(**shape)
        X, Y = problem.by_columns
        alphas = problem.strongest * np.geomspace(1.0, shortest, 100)

        def ours(problem=problem, alphas=alphas):
            settings = {"alphas": alphas, "fit_intercept": False, "tol": PRECISION}
            return joint_sparse_path(problem.X, problem.Y, **settings)

        ours()
        spent = statistics.median(timed(ours)[0] for _ in range(3))
        for name in installed(["sklearn", "celer"]):
            if name == "sklearn":
                settings = {"alphas": alphas, "tol": 0.5 * PRECISION, "l1_ratio": 1.0}
                theirs, answer = timed(
                    lambda X=X, Y=Y, s=settings: enet_path(X, Y, max_iter=100000, **s)
                )
            else:
                from celer.homotopy import mtl_path

                theirs, answer = timed(
                    lambda X=X, Y=Y, a=alphas: mtl_path(X, Y, alphas=a, tol=PRECISION)
                )
            gaps = [
                problem.gap(alphas[k], answer[1][:, :, k].T) for k in range(0, 100, 11)
            ]
            measured = f"{theirs / spent:.1f}"
            yield f"path, {problem.name}", name, measured, f"{max(gaps):.0e}", bar


def tasks():
    """Yield paths and single strengths of tasks with rows of their own.

    Ours has intercepts, which are nil for these centred rows, the rival has none.
    """
    if not list(installed(["mutar"])):
        return
    import mutar

    for scaled in (False, True):
        problem = OwnRows(scaled)
        norm = np.sqrt((problem.correlation**2).sum(axis=1)).max()
        largest = max(norm, np.abs(problem.correlation).max() / 0.4)
        shortest = 0.1 if scaled else 0.03
        parts = np.geomspace(1.0, shortest, 30)
        cases = [
            ("path of 30", norm * parts, 1.0, ">= 35"),
            ("dirty, path of 30", largest * parts, 0.4, ">= 20"),
            ("one strength", [0.1 * norm], 1.0, ""),
            ("dirty, one strength", [0.1 * largest], 0.4, ">= 20"),
        ]
        for case, alphas, cost, bar in cases:

            def ours(problem=problem, alphas=alphas, cost=cost):
                return joint_sparse_path(
                    problem.table,
                    problem.Y.ravel(),
                    alphas=alphas,
                    specific_cost=cost,
                    task_feature=-1,
                    tol=PRECISION,
                )

            def theirs(tol, problem=problem, alphas=alphas, cost=cost):
                parts = [np.zeros(problem.correlation.shape, order="F") for _ in "12"]
                answers = []
                for alpha in alphas:
                    beta = alpha * cost if cost < 1.0 else 1e10
                    *parts, _, _ = mutar.solver_dirty(
                        problem.X,
                        problem.Y,
                        *parts,
                        alpha,
                        beta,
                        tol=tol,
                        max_iter=10**5,
                    )
                    answers.append(np.ascontiguousarray(parts[0] + parts[1]))
                return answers

            def gap(answers, problem=problem, alphas=alphas, cost=cost):
                specific = cost if cost < 1.0 else np.inf
                return max(
                    problem.gap(JointSparsity(alpha, alpha * specific), W)
                    for alpha, W in zip(alphas, answers, strict=True)
                )

            ours()
            spent = statistics.median(timed(ours)[0] for _ in range(3))
            other, reached = reaching(
                theirs, gap, [1e-6, 1e-7] if not scaled else [1e-6]
            )
            measured = f"{other / spent:.1f}"
            yield f"{case}, {problem.name}", "mutar", measured, f"{reached:.0e}", bar


def first():
    """Yield the first fit of a process, compiled before and not."""
    theirs = "import sklearn.linear_model"
    with cold_cache() as cache:

        def warm(code):
            return process_seconds(code, cache=cache)

        measured = ratio(FIRST_FIT, theirs, timer=warm, runs=5)
        yield "process of a first fit, kernels cached", theirs, measured, "", ""

        def alone(code):
            return warm(code) - (warm(IMPORTS) if code == FIRST_FIT else 0.0)

        measured = ratio(FIRST_FIT, theirs, timer=alone, runs=7)
        yield "the same without its imports", theirs, measured, "", "<= 1"

    def cold(code):
        with cold_cache() as cache:
            return process_seconds(code, cache=cache)

    measured = ratio(FIRST_FIT, theirs, timer=cold, runs=3, warm=0)
    yield "process of a first fit, nothing cached", theirs, measured, "", "<= 8"


def main():
    """Print the parts named on the command line, or all."""
    warnings.simplefilter("ignore")
    parts = {part.__name__: part for part in (single, path, tasks, first)}
    for name in sys.argv[1:] or parts:
        rows = list(parts[name]())
        header = ["measured", "rival", "times", "rival's gap", "bar"]
        print(table(rows, header), flush=True)


if __name__ == "__main__":
    main()
