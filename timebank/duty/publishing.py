"""Publishing a roster: assignments become sign-ups, and each member is told once.

Publishing again does only what changed: new assignments are put on the list, dropped ones are taken
off it, and who waits in a queue gets a place that came free.

Invariants: a planned member passes the guards of every sign-up (standing, capacity, overlap,
qualification) and those of the roster again, at the moment of publishing and under the locks of the
occasions and members; who does not pass stays a draft, and is named with the reason. Locks: roster,
occasions by id, members by id. The number of statements does not grow with the roster, save for
queues that are waiting at a place that comes free.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.duty.diary import Diary, Obstacle
from timebank.duty.models import AssignmentState, Roster, RosterState
from timebank.duty.rosters import lock_roster
from timebank.duty.scene import Post, Scene, ShiftLine, problem, read_scene
from timebank.messages import outbox
from timebank.messages.models import MessageKind
from timebank.messages.outbox import Notice
from timebank.people.models import Member
from timebank.service import notices, places, waiting
from timebank.service.models import Attendance, AttendanceState, Occasion, Slot, Wait, WaitState


@dataclass(frozen=True, slots=True)
class Refused:
    """An assignment that was not put on the list; `reason` None is "all places are taken"."""

    line: ShiftLine
    member: Member
    reason: Obstacle | None


@dataclass(slots=True)
class Publication:
    """What publishing did."""

    roster: Roster
    enrolled: list[tuple[ShiftLine, Member]] = field(default_factory=list)
    withdrawn: list[tuple[ShiftLine, Member]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def publish(session: Session, actor: Actor, *, roster_id: UUID) -> Publication:
    """Put what was planned on the lists; again does only what changed.

    Args:
        session: a write session.
        actor: a social worker.
        roster_id: the roster.

    Raises:
        NotAllowed: `not_allowed`.
        NotHere: `not_found`.
    """
    actor.require(Permission.PLAN_SERVICE)
    roster = lock_roster(session, actor, roster_id)
    scene = _locked_scene(session, roster)
    done = Publication(roster)
    _take_off(session, scene, done)
    session.flush()  # places come free before they are taken
    _enrol(session, scene, done)
    session.flush()
    _end_waits(session, roster)
    _give_free_places(session, done)
    _tell(session, scene, done)
    if roster.published_at is None:
        roster.state, roster.published_at = RosterState.PUBLISHED, clock.now()
    audit.record(
        session,
        actor,
        "publish_roster",
        f"duty_roster:{roster_id}",
        enrolled=len(done.enrolled),
        withdrawn=len(done.withdrawn),
        refused=len(done.refused),
    )
    session.flush()
    return done


# ---------------------------------------------------------------- private


def _changes(scene: Scene) -> tuple[set[UUID], set[UUID]]:
    """Return the occasions and the members that publishing would touch."""
    posts = [post for _, post, row in scene.assigned() if row.state is AssignmentState.DRAFT]
    posts += scene.dropped.values()
    rows = [post.assignment for post in posts if post.assignment]
    occasions = {scene.lines[row.slot_id].occasion.id for row in rows}
    return occasions, {row.member_id for row in rows}


def _locked_scene(session: Session, roster: Roster) -> Scene:
    """Lock what publishing touches, then read it again: it may have changed while we waited."""
    occasion_ids, member_ids = _changes(read_scene(session, roster))
    _lock(session, roster.community_id, Occasion, occasion_ids)
    queued = (
        select(Wait.member_id)
        .join(Slot, refers(Wait.slot_id, Slot))
        .where(
            Wait.community_id == roster.community_id,
            Slot.occasion_id.in_(occasion_ids),
            Wait.state == WaitState.WAITING,
        )
    )
    session.scalars(
        select(Member)
        .where(
            Member.community_id == roster.community_id,
            or_(Member.id.in_(member_ids), Member.id.in_(queued)),
        )
        .order_by(Member.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    return read_scene(session, roster)


def _lock(
    session: Session, community_id: UUID, model: type[Occasion], ids: Collection[UUID]
) -> None:
    session.scalars(
        select(model)
        .where(model.community_id == community_id, model.id.in_(ids))
        .order_by(model.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def _take_off(session: Session, scene: Scene, done: Publication) -> None:
    for post in scene.dropped.values():
        row, attendance = post.assignment, post.attendance
        assert row is not None, "what is dropped was assigned"
        line = scene.lines[row.slot_id]
        if attendance is not None and attendance.state is AttendanceState.ENROLLED and line.is_open:
            attendance.state = AttendanceState.WITHDRAWN
            line.slot.enrolled_count -= 1
            done.withdrawn.append((line, post.member))
        session.delete(row)
    for row in scene.gone.values():
        session.delete(row)


def _enrol(session: Session, scene: Scene, done: Publication) -> None:
    diaries: dict[UUID, Diary] = scene.diaries()
    for line, post, row in scene.assigned():
        if row.state is not AssignmentState.DRAFT:
            continue
        if post.attendance is not None:  # signed up by themselves meanwhile
            row.state = AssignmentState.PUBLISHED
            continue
        is_full = line.slot.enrolled_count >= line.slot.capacity
        reason = problem(diaries, line, post.member.id, scene.rules)
        if post.member.id not in scene.people:
            reason = Obstacle.NOT_ACTIVE
        if is_full or reason is not None:
            done.refused.append(Refused(line, post.member, reason))
            continue
        session.add(_sign_up(scene, line, post))
        line.slot.enrolled_count += 1
        row.state = AssignmentState.PUBLISHED
        done.enrolled.append((line, post.member))


def _sign_up(scene: Scene, line: ShiftLine, post: Post) -> Attendance:
    """Return the member's row at the occasion, on the list; a withdrawn one is used again."""
    row = scene.withdrawn.get((line.slot.id, post.member.id)) or places.fresh_row(
        post.member.community_id, post.member.id, line.occasion.id
    )
    row.slot_id, row.state, row.enrolled_at = line.slot.id, AttendanceState.ENROLLED, clock.now()
    return row


def _end_waits(session: Session, roster: Roster) -> None:
    """End the waits of everybody who is on the list of the slot they wait for."""
    on_list = select(Attendance.id).where(
        Attendance.community_id == Wait.community_id,
        Attendance.slot_id == Wait.slot_id,
        Attendance.member_id == Wait.member_id,
        Attendance.state == AttendanceState.ENROLLED,
    )
    session.execute(
        update(Wait)
        .where(
            Wait.community_id == roster.community_id,
            Wait.state == WaitState.WAITING,
            on_list.correlate(Wait).exists(),
        )
        .values(state=WaitState.LEFT, ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def _give_free_places(session: Session, done: Publication) -> None:
    """Give places that came free to those who wait for them."""
    freed = {line.slot.id: line for line, _ in done.withdrawn}
    awaited = session.scalars(
        select(Wait.slot_id)
        .where(
            Wait.community_id == done.roster.community_id,
            Wait.slot_id.in_(freed),
            Wait.state == WaitState.WAITING,
        )
        .distinct()
    ).all()
    for slot_id in sorted(awaited):
        line = freed[slot_id]
        people = waiting.lock_queue(session, line.occasion)  # held already, as the occasion is
        waiting.fill(session, line.occasion, line.slot, people)


def _tell(session: Session, scene: Scene, done: Publication) -> None:
    """Write one message to each member whose shifts changed."""
    added: dict[UUID, list[ShiftLine]] = defaultdict(list)
    removed: dict[UUID, list[ShiftLine]] = defaultdict(list)
    for lines, changes in ((added, done.enrolled), (removed, done.withdrawn)):
        for line, member in changes:
            lines[member.id].append(line)
    publication = new_id().hex
    outbox.write(
        session,
        done.roster.community_id,
        [
            Notice(
                member_id,
                MessageKind.DUTY_CHANGED if removed[member_id] else MessageKind.DUTY_PLANNED,
                {
                    "title": done.roster.title,
                    "added": len(added[member_id]),
                    "removed": len(removed[member_id]),
                    "when": _first(scene, [*added[member_id], *removed[member_id]]),
                },
                f"roster:{publication}:{member_id.hex}",
            )
            for member_id in sorted({*added, *removed})
        ],
    )


def _first(scene: Scene, lines: list[ShiftLine]) -> str:
    first = min(line.slot.starts_at for line in lines)
    return notices.moment_text(first, scene.zone.key)
