"""What the benchmarks of active learning say of results is what these hold."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks import active_real_report as real
from benchmarks import active_report as report
from benchmarks import active_tasks, records


def risks(factors, n_seeds=6):
    """Return rows of risks that fall like one over rows, by strategy."""
    rng = np.random.default_rng(0)
    rows = []
    for scenario in report.SAVED_BARS:
        for seed in range(n_seeds):
            size = rng.uniform(0.9, 1.1)
            for n in report.SHOWN:
                row = {"scenario": scenario, "seed": seed, "rows": n}
                row |= {name: size / (f * n) for name, f in factors.items()}
                rows.append(row | {"target only": 0.01 * size})
    return rows


FACTORS = {"uniform": 1.0, "elfving": 3.0, "l2": 2.0, "lasso": 2.0, "known": 5.0}


@pytest.mark.parametrize("rows", [700, 20_000, 90_000])
def test_rows_for_a_risk_are_read_off_the_curve(rows):
    curve = {n: np.full(3, 7.0 / n) for n in report.SHOWN}
    assert_allclose(report.rows_for(curve, 7.0 / rows), rows)
    assert np.isnan(report.rows_for(curve, 7.0 / 100))


def test_savings_and_safety_are_told_with_their_bars():
    saving, safe = report.lines_of(risks(FACTORS))
    found = {(line[0], line[1]): line for line in saving}
    ours = found["generic: rows saved, risk of uniform at 32,000", "elfving"]
    assert ours[2:] == ("3.00", "3.00 to 3.00", ">= 2.4", "met")
    assert found["cluster: rows saved, risk of uniform at 32,000", "elfving"][-1] == (
        "missed"
    )
    assert found["l2hard: rows saved, risk of l2 at 16,000", "elfving"][2] == "1.50"
    assert {line[-1] for line in safe} == {"met"}
    assert len(report.missed(saving, safe, [])) == 2
    harmful = report.lines_of(risks(FACTORS | {"elfving": 0.5}))[1]
    # Few rows teach less than the target's own: the rival is then its own fit.
    assert {line[-1] for line in harmful} == {"missed"}


def test_the_page_begins_with_missed_bars(tmp_path, monkeypatch):
    for name in ("PATH", "ALLOCATION", "REAL"):
        monkeypatch.setattr(report, name, tmp_path / f"{name}.csv")
    records.save(report.PATH, risks(FACTORS), threads=1)
    slope = {"measured": "slope", "unit": "", "spread": "", "bar": "-1.25 to -0.85"}
    records.save(report.ALLOCATION, [slope | {"value": "-0.5"}], threads=1)
    text = report.page()
    missed = text[text.index("## Bars that are missed") : text.index("## Rows saved")]
    assert "- slope, : -0.5, bar -1.25 to -0.85" in missed
    assert "cluster: rows saved" in missed
    assert "generic: rows saved" not in missed
    assert "## Real tables" not in text


@pytest.mark.filterwarnings("ignore:The sources will have:UserWarning")
def test_a_seed_is_measured_by_every_strategy(monkeypatch):
    for name, value in {"ROUNDS": (500, 1000), "SHOWN": (500, 600, 1000)}.items():
        monkeypatch.setattr(active_tasks, name, value)
    monkeypatch.setattr(active_tasks, "PHASED", (1000,))
    rows = active_tasks.measure("l2hard", 3)
    assert [row["rows"] for row in rows] == [500, 1000]
    last = rows[-1]
    assert all(0.0 < last[name] < 1.0 for name in report.STRATEGIES)
    assert rows[0]["uniform"] == rows[0]["elfving"]


def table_of(gain, noise=0.01, n=30):
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(n):
        base = {"table": "a", "prices": "one", "seed": seed, "target": seed % 5}
        losses = 1.0 / np.sqrt(real.SHARES)
        for strategy, factor in {"uniform": 1.0, "elfving": 1.0 - gain}.items():
            own = losses * factor + noise * rng.normal()
            row = base | {"strategy": strategy, "alone": 2.0}
            shares = zip(real.SHARES, own, strict=True)
            rows.append(row | {f"{s:.0%}": loss for s, loss in shares})
    return rows


def test_savings_on_tables_are_paired_and_told_from_chance():
    line = real.lines_of(table_of(0.2), *real.PAIRS[0])[0]
    assert line[1:3] == ["elfving", 30]
    assert line[6].startswith("+20") or line[6].startswith("+19")
    # Losses fall like the root of the money: .8 squared of it is enough.
    assert line[-1] in ("35%", "36%", "37%")
    assert float(line[7]) > 10
    none = real.lines_of(table_of(0.0), *real.PAIRS[0])[0]
    assert abs(float(none[7])) < 3
    assert real.significant(table_of(0.2))[real.PAIRS[0]] == ["a"]
    assert ": a, bar two tables" in real.missed(table_of(0.2))[0]
    assert ": none, bar two tables" in real.missed(table_of(0.0))[0]
    assert real.money_saved(np.ones(10), 0.5 * np.ones(10)) == "none"
