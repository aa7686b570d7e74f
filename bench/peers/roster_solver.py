"""CP-SAT plans a year of shifts, four weeks at a time; run by `bench.rosters` in its environment.

A year at once would have a variable for each of some 64,000 pairs of shift and member who can come,
so each window of four weeks is solved with the minutes so far and the last shifts before it. The
aim, in this order: no empty place, no "rather not", the minutes of all as close as can be. Within
its seconds the solver is as good as the processor it gets: on a busy machine it leaves places empty
that it fills on an idle one.
"""

import json
import sys
import time
from collections import defaultdict
from typing import Any

from ortools.sat.python import cp_model

WINDOW_WEEKS = 4
SECONDS_PER_WINDOW = 10
WORKERS = 2
EMPTY_COST, RATHER_NOT_COST = 100_000, 500


def solve(year: dict[str, Any]) -> dict[str, Any]:
    """Return the pairs of places in the two lists, and the seconds it took."""
    begin = time.perf_counter()
    weeks = sorted({shift["week"] for shift in year["shifts"]})
    minutes = [0] * len(year["weekly_max"])
    pairs: list[tuple[int, int]] = []
    for first in range(0, len(weeks), WINDOW_WEEKS):
        window = set(weeks[first : first + WINDOW_WEEKS])
        inside = [i for i, shift in enumerate(year["shifts"]) if shift["week"] in window]
        found = _window(year, inside, minutes, pairs)
        for shift, person in found:
            minutes[person] += _length(year["shifts"][shift])
        pairs += found
    return {"pairs": pairs, "seconds": time.perf_counter() - begin}


def _length(shift: dict[str, Any]) -> int:
    return int(shift["end"] - shift["begin"])


def _window(
    year: dict[str, Any], inside: list[int], minutes: list[int], before: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    model = cp_model.CpModel()
    shifts, rest = year["shifts"], year["rest_minutes"]
    earliest = min(shifts[i]["begin"] for i in inside) - 3 * 24 * 60
    recent = [(shift, person) for shift, person in before if shifts[shift]["end"] > earliest]
    stands: dict[tuple[int, int], Any] = {}
    of_person: dict[int, list[int]] = defaultdict(list)
    costs = []
    for i in inside:
        for person in shifts[i]["able"]:
            stands[i, person] = model.new_bool_var("")
            of_person[person].append(i)
        empty = model.new_int_var(0, shifts[i]["wanted"], "")
        model.add(
            sum(stands[i, person] for person in shifts[i]["able"]) + empty == shifts[i]["wanted"]
        )
        costs.append(EMPTY_COST * empty)
        unwilling = set(shifts[i]["rather_not"])
        costs += [RATHER_NOT_COST * stands[i, p] for p in shifts[i]["able"] if p in unwilling]
    totals = []
    for person, places in of_person.items():
        _rules(model, year, stands, person, places)
        for i in places:
            for shift, who in recent:
                if who == person and shifts[i]["begin"] < shifts[shift]["end"] + rest:
                    model.add(stands[i, person] == 0)
        totals.append(minutes[person] + sum(_length(shifts[i]) * stands[i, person] for i in places))
    top, bottom = model.new_int_var(0, 10**6, ""), model.new_int_var(0, 10**6, "")
    for total in totals:
        model.add(total <= top)
        model.add(total >= bottom)
    model.minimize(sum(costs) + top - bottom)
    return _solved(model, stands)


def _solved(model: Any, stands: dict[tuple[int, int], Any]) -> list[tuple[int, int]]:
    """Return who stands where in the best plan found in time."""
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = SECONDS_PER_WINDOW
    solver.parameters.num_workers = WORKERS
    status = solver.solve(model)
    while status == cp_model.UNKNOWN:  # a busy machine: not even a first plan in that time
        solver.parameters.max_time_in_seconds *= 2
        status = solver.solve(model)
    assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE), "an empty plan is always possible"
    return [key for key, variable in stands.items() if solver.value(variable)]


def _rules(model: Any, year: dict[str, Any], stands: Any, person: int, places: list[int]) -> None:
    """Demand of one person: no overlap, rest, daily cap, weekly maximum."""
    shifts, rest = year["shifts"], year["rest_minutes"]
    by_day: dict[int, list[int]] = defaultdict(list)
    by_week: dict[int, list[int]] = defaultdict(list)
    for i in places:
        by_day[shifts[i]["day"]].append(i)
        by_week[shifts[i]["week"]].append(i)
    for found in by_week.values():
        model.add(sum(stands[i, person] for i in found) <= year["weekly_max"][person])
    for found in by_day.values():
        model.add(
            sum(_length(shifts[i]) * stands[i, person] for i in found) <= year["daily_minutes_max"]
        )
    for place, i in enumerate(places):
        for j in places[place + 1 :]:
            if shifts[j]["begin"] >= shifts[i]["end"] + max(rest, 24 * 60):
                break
            first, last = sorted((i, j), key=lambda each: shifts[each]["begin"])
            if shifts[last]["begin"] < shifts[first]["end"] + rest:
                model.add_bool_or(stands[i, person].negated(), stands[j, person].negated())


if __name__ == "__main__":
    json.dump(solve(json.load(sys.stdin)), sys.stdout)
