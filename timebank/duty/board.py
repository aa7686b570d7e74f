"""A roster as it is looked at: weeks with their gaps, days against places, minutes per member."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from timebank.duty.diary import Diary, Obstacle, week_of
from timebank.duty.models import AssignmentState
from timebank.duty.scene import Post, Scene, ShiftLine, problem
from timebank.people.models import Member
from timebank.service.models import OccasionStatus

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody on a shift; `problem` is what is wrong with that by now."""

    post: Post
    problem: Obstacle | None

    @property
    def is_draft(self) -> bool:
        """Tell whether the member does not know of it yet."""
        row = self.post.assignment
        return row is not None and row.state is AssignmentState.DRAFT

    @property
    def is_fixed(self) -> bool:
        """Tell whether it was set by hand."""
        return self.post.assignment is not None and self.post.assignment.is_fixed


@dataclass(frozen=True, slots=True)
class Cell:
    """One shift with its people."""

    line: ShiftLine
    seats: tuple[Seat, ...]

    @property
    def is_cancelled(self) -> bool:
        """Tell whether it was called off."""
        return self.line.occasion.status is OccasionStatus.CANCELLED

    @property
    def missing_count(self) -> int:
        """Return how many people are missing; none at a shift that is over or called off."""
        if not self.line.is_open:
            return 0
        return max(0, self.line.shift.people_count - len(self.seats))


@dataclass(frozen=True, slots=True)
class Column:
    """A place and activity: one series."""

    series_id: UUID
    title: str
    site_name: str


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days against the columns; a day without shifts is left out."""

    monday: date
    rows: Mapping[date, Mapping[UUID, tuple[Cell, ...]]]
    missing_count: int

    @property
    def sunday(self) -> date:
        """Return the last day."""
        return self.monday + WEEK - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Share:
    """What one member serves in the whole roster."""

    member: Member
    minutes: int
    shift_count: int


@dataclass(frozen=True, slots=True)
class Board:
    """Everything a page shows of a roster."""

    columns: tuple[Column, ...]
    weeks: tuple[Week, ...]
    shares: tuple[Share, ...]
    draft_count: int
    dropped_count: int

    @property
    def missing_count(self) -> int:
        """Return how many people are missing in the whole roster."""
        return sum(week.missing_count for week in self.weeks)

    @property
    def minutes_max(self) -> int:
        """Return the longest bar, at least one."""
        return max((share.minutes for share in self.shares), default=0) or 1

    def week(self, day: date) -> Week | None:
        """Return the week of a day, else the nearest one; None without any."""
        return min(self.weeks, key=lambda week: abs(week.monday - week_of(day)), default=None)

    def beside(self, week: Week) -> tuple[Week | None, Week | None]:
        """Return the weeks before and after one."""
        place = self.weeks.index(week)
        before = self.weeks[place - 1] if place else None
        return before, self.weeks[place + 1] if place + 1 < len(self.weeks) else None


def board(scene: Scene) -> Board:
    """Return a scene as it is looked at."""
    cells = _cells(scene)
    by_week: dict[date, dict[date, dict[UUID, list[Cell]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    columns: dict[UUID, Column] = {}
    for cell in cells:
        occasion = cell.line.occasion
        series_id = occasion.series_id
        assert series_id is not None, "a roster plans series"
        columns.setdefault(series_id, Column(series_id, occasion.title, cell.line.site_name))
        by_week[week_of(occasion.occurs_on)][occasion.occurs_on][series_id].append(cell)
    weeks = [
        Week(
            monday,
            {
                day: {series_id: tuple(found) for series_id, found in of_day.items()}
                for day, of_day in sorted(days.items())
            },
            sum(
                cell.missing_count
                for of_day in days.values()
                for found in of_day.values()
                for cell in found
            ),
        )
        for monday, days in sorted(by_week.items())
    ]
    ordered = sorted(columns.values(), key=lambda each: (each.title, each.site_name))
    drafts = sum(seat.is_draft for cell in cells for seat in cell.seats)
    return Board(tuple(ordered), tuple(weeks), _shares(scene, cells), drafts, len(scene.dropped))


def cell_of(scene: Scene, slot_id: UUID) -> Cell:
    """Return one shift of the scene with its people."""
    return _cell(scene, scene.lines[slot_id], scene.diaries())


def _cells(scene: Scene) -> list[Cell]:
    diaries = scene.diaries()
    return [_cell(scene, line, diaries) for line in scene.lines.values()]


def _cell(scene: Scene, line: ShiftLine, diaries: dict[UUID, Diary]) -> Cell:
    seats = (
        Seat(post, problem(diaries, line, post.member.id, scene.rules))
        for post in scene.posts.get(line.slot.id, {}).values()
    )
    return Cell(line, tuple(seats))


def _shares(scene: Scene, cells: Collection[Cell]) -> tuple[Share, ...]:
    minutes: Counter[UUID] = Counter()
    shift_counts: Counter[UUID] = Counter()
    for cell in cells:
        for seat in () if cell.is_cancelled else cell.seats:
            minutes[seat.post.member.id] += cell.line.shift.span.minutes
            shift_counts[seat.post.member.id] += 1
    return tuple(
        Share(member, minutes[member.id], shift_counts[member.id])
        for member in scene.members.values()
    )
