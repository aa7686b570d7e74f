"""What a figure is.

A ratio between two things measured in the same round, over at least five rounds.

Machines are noisy, so no figure is a number of seconds. The candidates of a workload take turns
within each round; a ratio is made per round, and the median and the quartiles of the rounds are the
figure.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles

ROUNDS_MIN = 5
RESULTS = Path(__file__).parent / "results"

Candidate = Callable[[], float]
"""Runs once and returns a rate: more is better."""


@dataclass(frozen=True)
class Figure:
    """One line of a table."""

    name: str
    ratio_to: str
    median: float
    low: float
    high: float
    rounds: int
    goal: str


def take_turns(candidates: dict[str, Candidate], rounds: int) -> dict[str, list[float]]:
    """Run every candidate once per round, in changing order; return the rates by name."""
    assert rounds >= ROUNDS_MIN, "quartiles of fewer rounds say nothing"
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            rates[name].append(candidates[name]())
        now = ", ".join(f"{name} {rates[name][-1]:.0f}/s" for name in names)
        print(f"  round {number + 1} of {rounds}: {now}", flush=True)
    return rates


def compare(rates: dict[str, list[float]], name: str, ratio_to: str, goal: str) -> Figure:
    """Return the figure of one candidate against another."""
    ratios = [
        rate / base for rate, base in zip(rates[name], rates[ratio_to], strict=True) if base > 0
    ]
    low, median, high = quantiles(ratios, n=4, method="inclusive")
    return Figure(
        name, ratio_to, round(median, 3), round(low, 3), round(high, 3), len(ratios), goal
    )


def once(name: str, ratio_to: str, ratio: float, goal: str = "<= 1") -> Figure:
    """Return a figure of one run that says all: something counted, or the worst of many."""
    counted = round(ratio, 3)
    return Figure(name, ratio_to, counted, counted, counted, 1, goal)


def publish(workload: str, title: str, figures: list[Figure]) -> None:
    """Print the table of a workload and write its file."""
    print(f"\n{workload}: {title}")
    width = max(len(f"{figure.name} / {figure.ratio_to}") for figure in figures)
    for figure in figures:
        what = f"{figure.name} / {figure.ratio_to}"
        print(
            f"  {what:<{width}}  {figure.median:7.3f}  [{figure.low:.3f} .. {figure.high:.3f}]"
            f"  goal {figure.goal}"
        )
    print(flush=True)
    RESULTS.mkdir(exist_ok=True)
    written = json.dumps([asdict(figure) for figure in figures], indent=2, ensure_ascii=False)
    (RESULTS / f"{workload}.json").write_text(written + "\n", encoding="utf-8")
