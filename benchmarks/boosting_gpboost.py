"""GPBoost on the splits of real tables that boosting was measured on.

Run ``python -m benchmarks.boosting_gpboost FOLDER`` after ``python -m
benchmarks.boosting_accuracy real FOLDER --out FILE``, where GPBoost is installed
(benchmarks/rivals.txt). Tasks have random intercepts beside trees of the same shape and
rate as those of the other rivals, and rounds come from a fifth of each task's rows in
the same way. What it lacks (several classes) or what takes longer than ``--limit``
seconds is kept with the reason.
"""

from benchmarks import threads

threads.pin()

import argparse
import csv
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks import boosting_accuracy as home
from benchmarks.boosting_accuracy import TREES, choose, loss_of, read, timed

PATH = Path(__file__).parent / "results" / "boosting_real.csv"
NAME = "boosting_gpboost.csv"
COLUMNS = ("set", "seed", "GPBoost", "cpu", "failure")
ROUNDS, PATIENCE = 1500, 30


class GPBoost:
    """Trees and a random intercept of each task, with rounds by early stopping."""

    def __init__(self, classify):
        self.likelihood = "bernoulli_logit" if classify else "gaussian"
        unlike = ("objective", "num_class")
        self.settings = {k: v for k, v in TREES.items() if k not in unlike}

    def process(self, task):
        """Return random intercepts of the rows' tasks."""
        import gpboost

        return gpboost.GPModel(
            group_data=task, likelihood=self.likelihood, num_parallel_threads=1
        )

    def fit(self, X, y, rng):
        """Fit, with the task in the last column."""
        import gpboost

        X, task = X[:, :-1], X[:, -1].astype(int)
        held_out = choose(task, rng, 0.2, least=2)
        train = gpboost.Dataset(X[~held_out], y[~held_out])
        test = gpboost.Dataset(X[held_out], y[held_out], reference=train)
        process = self.process(task[~held_out])
        process.set_prediction_data(group_data_pred=task[held_out])
        first = gpboost.train(
            self.settings,
            train,
            ROUNDS,
            gp_model=process,
            valid_sets=[test],
            use_gp_model_for_validation=True,
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        n_rounds = max(first.best_iteration, 1)
        everything, process = gpboost.Dataset(X, y), self.process(task)
        self.model = gpboost.train(
            self.settings, everything, n_rounds, gp_model=process, verbose_eval=False
        )
        return self

    def predict(self, X):
        """Return predictions, or probabilities."""
        task = X[:, -1].astype(int)
        found = self.model.predict(
            X[:, :-1], group_data_pred=task, predict_var=False, pred_latent=False
        )
        return found["response_mean"]


def one_split(folder, name, seed, pipe):
    """Send the loss of a split and CPU seconds, or the reason why there are none."""
    X, y, classify = read(folder / name)
    X, y, test = home.split(X, y, np.random.default_rng(seed))
    if classify and y.max() > 1:
        pipe.send((np.nan, np.nan, "no more than two classes"))
        return
    rng = np.random.default_rng([seed, 1])
    try:
        model, spent = timed(lambda: GPBoost(classify).fit(X[~test], y[~test], rng))
        loss = loss_of(model, False, X[test], y[test], classify)
        pipe.send((loss, spent, ""))
    except Exception as error:  # whatever a rival says is shown
        pipe.send((np.nan, np.nan, str(error).splitlines()[0][:100]))


def within(limit, *work):
    """Return what a process of its own finds, unless it takes too long."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=one_split, args=(*work, theirs))
    process.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(limit) else None
    except EOFError:
        found = (np.nan, np.nan, "the process ended")
    process.kill()
    process.join()
    return found or (np.nan, np.nan, f"more than {limit:.0f} s")


def measured(beside):
    """Return what is kept of GPBoost beside a file of measurements, by set and seed."""
    path = beside.with_name(NAME)
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {(row["set"], int(row["seed"])): row for row in csv.DictReader(file)}


def apart(beside):
    """Return losses by set and seed under the rival's name, if there are any."""
    found = measured(beside)
    losses = {place: float(row["GPBoost"]) for place, row in found.items()}
    return {"GPBoost": losses} if losses else {}


def failures(beside):
    """Return a sentence for each set on which GPBoost has no figure."""
    reasons = {name: row["failure"] for (name, _), row in measured(beside).items()}
    found = [f"{name}: {reason}" for name, reason in reasons.items() if reason]
    return f"\nGPBoost has no figure on {'; '.join(found)}.\n" if found else ""


def main():
    """Measure every split that others were measured on and GPBoost was not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--sets", nargs="*")
    options = parser.parse_args()
    known, stuck, own = measured(PATH), set(), PATH.with_name(NAME)
    wanted = set(options.sets or home.DEVELOPMENT + home.CLASSES)
    for name, seed in home.measured(PATH):
        if (name, seed) in known or name not in wanted - stuck:
            continue
        found = within(options.limit, options.folder, name, seed)
        is_new = not own.exists()
        with own.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(COLUMNS)
            writer.writerow((name, seed, *found))
        print(name, seed, *found, flush=True)
        if found[2]:
            stuck.add(name)


if __name__ == "__main__":
    main()
