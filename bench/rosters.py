"""A year of duty shifts for 60 members: the rule of fairness beside OR-Tools CP-SAT.

Both get the same shifts, people and rules, once with places enough and once with hardly a person to
spare. The plans are checked by the same diary before they are compared. Unlike other workloads this
one prints seconds: the goal is a year in less than 30. The chart of minutes per member is written
to `bench/results/rosters.svg`, with its table in `rosters.md` beside it.

CP-SAT comes in an environment of its own, made once in `.bench/solver`; see `peers/roster_solver`.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from statistics import pstdev
from uuid import UUID

from bench.duty_world import RULES, World, make_world
from bench.measure import RESULTS
from timebank.duty import fairness
from timebank.duty.diary import Diary, Pair, Wish, week_of

FOLDER = Path(".bench") / "solver"
REQUIREMENT = "ortools==9.15.6755"
PROGRAM = Path(__file__).parent / "peers" / "roster_solver.py"
TIMEOUT_SECONDS = 900
SECONDS_MAX = 30
_BAR_WIDTH, _BAR_HEIGHT, _LEFT = 520, 14, 60


@dataclass(frozen=True)
class Outcome:
    """What a plan came to: empty places, minutes of each member, wishes not kept, seconds."""

    world: str
    planner: str
    seconds: float
    seat_count: int
    unfilled_count: int
    minutes_min: int
    minutes_max: int
    minutes_deviation: float
    gladly_count: int
    rather_not_count: int


def run(rounds: int) -> None:
    """Plan both years with both planners, check, compare and draw; one round is a whole year."""
    del rounds
    outcomes: list[Outcome] = []
    slowest = 0.0
    for name, people_count in (("ample", 2), ("tight", 4)):
        world = make_world(name, people_count)
        begin, busy = time.perf_counter(), time.process_time()
        found = fairness.plan(world.shifts, world.people, RULES).added
        slowest = max(slowest, time.process_time() - busy)  # others may have the processor too
        outcomes.append(_judged(world, "rule", found, time.perf_counter() - begin))
        if name == "ample":
            _draw(world, found)
        pairs, seconds = _solved(world)
        outcomes.append(_judged(world, "CP-SAT", pairs, seconds))
    _publish(outcomes)
    assert slowest < SECONDS_MAX, f"a year took {slowest:.0f} s of processor"


def _solved(world: World) -> tuple[list[Pair], float]:
    """Let CP-SAT plan the same year in its environment."""
    if not FOLDER.exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER)], check=True)
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, REQUIREMENT], check=True)
    done = subprocess.run(
        [str(FOLDER / "bin" / "python"), "-P", str(PROGRAM)],
        input=json.dumps(_as_json(world)),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
    answer = json.loads(done.stdout)
    pairs = [(world.shifts[shift].id, world.people[person].id) for shift, person in answer["pairs"]]
    return pairs, float(answer["seconds"])


def _as_json(world: World) -> object:
    """Return the year as the solver reads it: who can stand where is decided here, by one diary."""
    diaries = [Diary(person) for person in world.people]
    return {
        "rest_minutes": RULES.rest_minutes,
        "daily_minutes_max": RULES.daily_minutes_max,
        "weekly_max": [person.shifts_per_week_max for person in world.people],
        "shifts": [
            {
                "begin": _minute(shift.span.starts_at),
                "end": _minute(shift.span.ends_at),
                "day": shift.span.day.toordinal(),
                "week": week_of(shift.span.day).toordinal(),
                "wanted": shift.people_count,
                "able": [
                    place
                    for place, diary in enumerate(diaries)
                    if diary.obstacle(shift, RULES) is None
                ],
                "rather_not": [
                    place
                    for place, person in enumerate(world.people)
                    if person.wishes.get((shift.span.day.weekday(), shift.part)) is Wish.RATHER_NOT
                ],
            }
            for shift in world.shifts
        ],
    }


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _judged(world: World, planner: str, pairs: Sequence[Pair], seconds: float) -> Outcome:
    """Check a plan pair by pair, then sum it up."""
    shifts = {shift.id: shift for shift in world.shifts}
    diaries = {person.id: Diary(person) for person in world.people}
    said: Counter[Wish] = Counter()
    minutes: Counter[UUID] = Counter()
    for shift_id, person_id in pairs:
        shift = shifts[shift_id]
        obstacle = diaries[person_id].obstacle(shift, RULES)
        assert obstacle is None, f"{planner} breaks a rule: {obstacle}"
        diaries[person_id].add(shift.span)
        minutes[person_id] += shift.span.minutes
        wish = diaries[person_id].person.wishes.get((shift.span.day.weekday(), shift.part))
        said.update([wish] if wish else [])
    taken = Counter(shift_id for shift_id, _ in pairs)
    assert all(taken[shift.id] <= shift.people_count for shift in world.shifts), "capacity is kept"
    served = [minutes[person.id] for person in world.people]
    return Outcome(
        world.name,
        planner,
        round(seconds, 2),
        world.seat_count,
        world.seat_count - len(pairs),
        min(served),
        max(served),
        round(pstdev(served), 1),
        said[Wish.GLADLY],
        said[Wish.RATHER_NOT],
    )


def _publish(outcomes: Sequence[Outcome]) -> None:
    for each in outcomes:
        print(
            f"  {each.world:<6} {each.planner:<7} {each.seconds:7.2f} s  unfilled"
            f" {each.unfilled_count} of {each.seat_count}, minutes {each.minutes_min}"
            f"..{each.minutes_max} (deviation {each.minutes_deviation}), gladly"
            f" {each.gladly_count}, rather not {each.rather_not_count}",
            flush=True,
        )
    RESULTS.mkdir(exist_ok=True)
    written = json.dumps([asdict(each) for each in outcomes], indent=2)
    (RESULTS / "rosters.json").write_text(written + "\n", encoding="utf-8")


def _draw(world: World, pairs: Sequence[Pair]) -> None:
    """Write the minutes of each member as bars, and as a table beside them."""
    spans = {shift.id: shift.span for shift in world.shifts}
    minutes: Counter[UUID] = Counter()
    for shift_id, person_id in pairs:
        minutes[person_id] += spans[shift_id].minutes
    longest = max(minutes.values())
    rows, lines = [], ["| member | minutes |", "|---|---:|"]
    for place, person in enumerate(world.people):
        name, served = f"V{person.number:04d}", minutes[person.id]
        top = 40 + place * (_BAR_HEIGHT + 2)
        rows.append(
            f'<text x="{_LEFT - 6}" y="{top + 11}" text-anchor="end">{name}</text>'
            f'<rect x="{_LEFT}" y="{top}" width="{_BAR_WIDTH * served / longest:.1f}"'
            f' height="{_BAR_HEIGHT}" fill="#44617c"/>'
            f'<text x="{_LEFT + _BAR_WIDTH * served / longest + 6:.1f}" y="{top + 11}">'
            f"{served}</text>"
        )
        lines.append(f"| {name} | {served} |")
    first: date = world.shifts[0].span.day
    title = f"Minutes of each of {len(world.people)} members, a year of shifts from {first}"
    height = 60 + len(rows) * (_BAR_HEIGHT + 2)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{height}"'
        f' font-family="sans-serif" font-size="12" role="img" aria-label="{title}">'
        f'<rect width="680" height="{height}" fill="#fff"/><text x="10" y="24" font-size="15">'
        f"{title}</text>{''.join(rows)}</svg>\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "rosters.svg").write_text(svg, encoding="utf-8")
    (RESULTS / "rosters.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
