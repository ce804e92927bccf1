"""How many rows of source tasks ActiveTaskRegressor saves, and whether it ever harms.

Run ``python -m benchmarks.active_tasks``; ``--seeds`` is their number, ``--first`` the
first of them (no decision was taken on those from 10,000 on), ``--quick`` runs ten. It
writes ``benchmarks/results/active.csv``, one row for each seed and number of source
rows, and from that, and from what ``benchmarks.active_allocation`` and
``benchmarks.active_real`` keep, ``docs/benchmarks/active.md``; ``--page`` makes only
the page. Tasks are those of
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
import warnings
from pathlib import Path

import numpy as np

from benchmarks import records
from benchmarks.active_report import PAGE, PATH, page, tables
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


def measure(scenario, seed):
    """Return a row of risks for every number of source rows."""
    problem = Problem(scenario, seed)
    batches = np.diff((0, *ROUNDS))
    risks = {
        "uniform": buy(problem, "uniform", batches, SHOWN),
        "elfving": buy(problem, "elfving", batches, SHOWN),
        "l2": phased(problem, "l2"),
        "lasso": phased(problem, "lasso"),
        "known": known(problem),
        "target only": dict.fromkeys(SHOWN, problem.target_only()),
    }
    return [
        {"scenario": scenario, "seed": seed, "rows": n}
        | {name: by_rows.get(n, "") for name, by_rows in risks.items()}
        for n in ROUNDS
    ]


def run(scenario, n_seeds, first=0):
    """Yield the rows of one seed after the other."""
    for seed in range(first, first + n_seeds):
        yield from measure(scenario, seed)


def main():
    """Measure, seed by seed, and print and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=10_000)
    parser.add_argument("--scenarios", nargs="*", default=SCENARIOS, choices=SCENARIOS)
    parser.add_argument("--quick", action="store_true", help="ten seeds")
    parser.add_argument("--out", type=Path, default=PATH)
    parser.add_argument("--page", action="store_true", help="make only the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for k in range(0 if options.page else 10 if options.quick else options.seeds):
        for scenario in options.scenarios:
            rows += measure(scenario, options.first + k)
        records.save(options.out, rows, threads=1)
    print(tables(records.load(options.out)))
    if options.out == PATH:
        PAGE.write_text(page())


if __name__ == "__main__":
    main()
