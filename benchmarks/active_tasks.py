"""How many rows of source tasks ActiveTaskRegressor saves, and whether it ever harms.

Run ``python -m benchmarks.active_tasks`` (``--seeds`` is their number, ``--first`` the
first of them, ``--quick`` runs ten; ``--output`` names a file to which the risks of
each seed are added as they come, one JSON object a line). Tasks are those of
``make_source_tasks``: 40 sources, rank 5, 50 features, 500 rows of the target, noise
one; the rank is given, relevance is not. Only moments of rows enter the learner, so
these are drawn from their own distribution (Wishart, by Bartlett's decomposition)
instead of rows. The risk is that of the target's predictions, noise aside; all
strategies fit the target in the same way.

"elfving" and "uniform" buy in rounds that grow by a root of two, beginning with 500
rows. "l2" and "lasso" buy in the four doubling phases of their papers, an eighth, an
eighth, a quarter and a half of the rows, the first of them uniform. "known" divides
rows by the true relevance, above ten rows of every source.
"""

from benchmarks import threads

threads.pin()

import argparse
import json
import warnings
from pathlib import Path

import numpy as np

from benchmarks.measuring import table
from skmtl._tasks import TaskStatistics, training_statistics
from skmtl.active import ActiveTaskRegressor
from skmtl.active._target import KINDS
from skmtl.datasets import make_source_tasks

SCENARIOS = ("generic", "l2hard", "cluster")
SOURCES, FEATURES, RANK, TARGET_ROWS, FOLDS, FLOOR = 40, 50, 5, 500, 5, 10
SHOWN = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
ROUNDS = (500, 700, 1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000, 11_200, 16_000,
          22_400, 32_000)  # fmt: skip
PHASED = (4_000, 8_000, 16_000, 32_000)
PHASES = (1 / 8, 1 / 8, 1 / 4, 1 / 2)
SAVED_BARS = {"generic": 2.4, "l2hard": 4.0, "cluster": 4.7}
MANY = 400 * SOURCES


def moments(coef, n, rng):
    """Return the moments of `n` rows of one task, about their means."""
    d = coef.size
    if n == 0:
        return 0.0, np.zeros(d), 0.0, np.zeros((d, d)), np.zeros(d), 0.0
    if n <= d:
        X, noise = rng.standard_normal((n, d)), rng.standard_normal(n)
        x_mean, noise_mean = X.mean(axis=0), noise.mean()
        X, noise = X - x_mean, noise - noise_mean
        gram, moment, square = X.T @ X, X.T @ noise, noise @ noise
    else:
        x_mean = rng.standard_normal(d) / np.sqrt(n)
        noise_mean = rng.standard_normal() / np.sqrt(n)
        lower = np.tril(rng.standard_normal((d, d)), -1)
        np.fill_diagonal(lower, np.sqrt(rng.chisquare(n - 1 - np.arange(d))))
        along = rng.standard_normal(d)
        gram, moment = lower @ lower.T, lower @ along
        square = along @ along + (rng.chisquare(n - 1 - d) if n > d + 1 else 0.0)
    xy = gram @ coef + moment
    yy = coef @ gram @ coef + 2.0 * coef @ moment + square
    return float(n), x_mean, x_mean @ coef + noise_mean, gram, xy, yy


class Problem:
    """One target with its rows, and sources to draw from."""

    def __init__(self, scenario, seed):
        self.truth = make_source_tasks(
            n_target_samples=1, scenario=scenario, as_frame=False, random_state=seed
        )
        self.seed = seed
        rng = np.random.default_rng([seed, SOURCES])
        folds = [
            self._tasks({SOURCES: moments(self.truth.target_coef, n, rng)})
            for n in np.full(FOLDS, TARGET_ROWS // FOLDS)
        ]
        self.target = sum(folds[1:], folds[0])
        self.splits = list(zip(training_statistics(folds), folds, strict=True))

    def _tasks(self, parts):
        """Return the statistics of all tasks, given those of some."""
        none = moments(self.truth.target_coef, 0, None)
        parts = [parts.get(t, none) for t in range(SOURCES + 1)]
        return TaskStatistics(*(np.array(part) for part in zip(*parts, strict=True)))

    def streams(self):
        return [np.random.default_rng([self.seed, m]) for m in range(SOURCES)]

    def draw(self, rows, streams):
        """Return the moments of new rows of the sources."""
        parts = {
            m: moments(self.truth.coef[m], int(rows.get(m, 0)), streams[m])
            for m in range(SOURCES)
        }
        return self._tasks(parts)

    def learner(self, strategy):
        learner = ActiveTaskRegressor(
            strategy, rank=RANK, target_task=SOURCES, task_feature=-1, random_state=0
        )
        learner.tasks_, learner.n_tasks_ = np.arange(SOURCES + 1), SOURCES + 1
        return learner

    def risk(self, learner):
        error = learner.target_coef_ - self.truth.target_coef
        return float(error @ error)

    def target_only(self):
        """Return the risk of the ridge that the learner falls back to."""
        learner = self.learner("uniform")
        learner._fit_statistics(self.target, self.splits)
        assert learner.head_kind_.tolist() == [KINDS[-1]]
        return self.risk(learner)


def even(n):
    """Return rows divided evenly over sources."""
    share, rest = divmod(n, SOURCES)
    return {m: share + (m < rest) for m in range(SOURCES)}


def buy(problem, strategy, batches, shown):
    """Buy batches of rows and return the risk after those that are shown."""
    learner, streams = problem.learner(strategy), problem.streams()
    held, total, risks = problem.target, 0, {}
    for batch in batches:
        if strategy == "uniform" or total == 0:
            rows = even(batch)
        else:
            rows = learner.query(batch)
        held = held + problem.draw(rows, streams)
        total += int(batch)
        if strategy != "uniform" or total in shown:
            learner._fit_statistics(held, problem.splits)
            risks[total] = problem.risk(learner)
    return risks


def phased(problem, strategy):
    risks = {}
    for n in PHASED:
        batches = [int(share * n) for share in PHASES]
        risks[n] = buy(problem, strategy, batches, (n,))[n]
    return risks


def known(problem):
    """Return risks of rows in proportion to the true relevance."""
    size, risks = np.abs(problem.truth.relevance), {}
    for n in SHOWN[2:]:
        rows = np.round(size / size.sum() * (n - FLOOR * SOURCES)).astype(int) + FLOOR
        learner, streams = problem.learner("uniform"), problem.streams()
        held = problem.target + problem.draw(dict(enumerate(rows)), streams)
        learner._fit_statistics(held, problem.splits)
        risks[n] = problem.risk(learner)
    return risks


def run(scenario, n_seeds, first=0, output=None):
    """Return the risks of every strategy: by name, by rows, one for each seed."""
    batches, found = np.diff((0, *ROUNDS)), {}
    for seed in range(first, first + n_seeds):
        problem = Problem(scenario, seed)
        risks = {
            "uniform": buy(problem, "uniform", batches, SHOWN),
            "elfving": buy(problem, "elfving", batches, SHOWN),
            "l2": phased(problem, "l2"),
            "lasso": phased(problem, "lasso"),
            "known": known(problem),
            "target only": dict.fromkeys(SHOWN, problem.target_only()),
        }
        if output is not None:
            with output.open("a") as file:
                line = {"scenario": scenario, "seed": seed, "risks": risks}
                file.write(json.dumps(line) + "\n")
        for name, by_rows in risks.items():
            for n, risk in by_rows.items():
                found.setdefault(name, {}).setdefault(n, []).append(risk)
    return {
        name: {n: np.array(risks) for n, risks in by_rows.items()}
        for name, by_rows in found.items()
    }


def rows_for(risks, risk):
    """Return the rows at which a strategy reaches a mean risk, by interpolation."""
    rows = np.array(sorted(risks))
    means = np.minimum.accumulate([risks[n].mean() for n in rows])
    if risk > means[0]:
        return np.nan
    # Beyond the last rows the curve goes on as it ended.
    points = np.log(means[::-1]), np.log(rows[::-1])
    if risk < means[-1]:
        slope = np.log(rows[-1] / rows[-2]) / np.log(means[-1] / means[-2])
        return float(rows[-1] * (risk / means[-1]) ** slope)
    return float(np.exp(np.interp(np.log(risk), *points)))


def savings(scenario, risks):
    """Yield factors of rows saved, with bootstrap intervals over seeds."""
    for name in ("elfving", "lasso", "l2", "known"):
        bar = f">= {SAVED_BARS[scenario]}" if name == "elfving" else ""
        yield (
            f"{scenario}: rows saved, risk of uniform at 32,000",
            name,
            interval(
                lambda r, name=name: (
                    32_000 / rows_for(r[name], r["uniform"][32_000].mean())
                ),
                risks,
            ),
            bar,
        )
    bar = ">= 1" if scenario == "cluster" else ">= 1.3"
    for n in PHASED:
        if n >= MANY:
            yield (
                f"{scenario}: rows saved, risk of l2 at {n:,}",
                "elfving",
                interval(
                    lambda r, n=n: n / rows_for(r["elfving"], r["l2"][n].mean()), risks
                ),
                bar,
            )


def interval(measure, risks, n_resamples=400):
    """Return a measure with its 95 % interval over resampled seeds."""
    rng = np.random.default_rng(0)
    n_seeds = risks["uniform"][SHOWN[0]].size
    values = []
    for _ in range(n_resamples):
        chosen = rng.integers(0, n_seeds, n_seeds)
        values.append(
            measure({k: {n: x[chosen] for n, x in v.items()} for k, v in risks.items()})
        )
    low, high = np.nanquantile(values, [0.025, 0.975])
    return f"{measure(risks):.2f} ({low:.2f} to {high:.2f})"


def safety(scenario, risks):
    """Yield the risk of every N beside that of the better of two rivals."""
    for n in SHOWN:
        ours = risks["elfving"][n]
        rivals = [risks[name][n] for name in ("uniform", "target only")]
        rival = min(rivals, key=np.mean)
        ratio = ours.mean() / rival.mean()
        # The delta method for a ratio of paired means.
        error = np.std(ours - ratio * rival, ddof=1) / np.sqrt(ours.size) / rival.mean()
        others = [
            f"{risks[name][n].mean():.4f}" if n in risks[name] else ""
            for name in ("l2", "lasso", "known")
        ]
        yield (
            scenario,
            f"{n:,}",
            *(f"{r.mean():.4f}" for r in (*rivals, ours)),
            *others,
            f"{ratio:.3f}",
            f"{ratio + 1.96 * error:.3f}",
        )


def main():
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--scenarios", nargs="*", default=SCENARIOS, choices=SCENARIOS)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    n_seeds = 10 if arguments.quick else arguments.seeds
    warnings.simplefilter("ignore")
    header = ["scenario", "rows", "uniform", "target only", "elfving", "l2", "lasso",
              "known", "ratio", "upper (<= 1.1)"]  # fmt: skip
    for scenario in arguments.scenarios:
        risks = run(scenario, n_seeds, arguments.first, arguments.output)
        rows = savings(scenario, risks)
        print(table(rows, ["measured", "strategy", "factor", "bar"]))
        print("\nMean risks; ratio of elfving's to the better of uniform, target only")
        print(table(safety(scenario, risks), header), flush=True)
        print()


if __name__ == "__main__":
    main()
