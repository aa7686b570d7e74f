"""Commendations: stars for service, issued from a dry run, each with a numbered certificate.

Words: see `timebank.rewards.shortlist` (dry run, basis, evidence) and `timebank.rewards.register`
(numbers).

Invariants: issuing is all or nothing; it writes what the issuer has seen or refuses; nobody is
commended by themselves (Python and CHECK); numbers are gapless, because they are taken behind the
register's lock in the transaction that writes the certificates; nothing issued is changed or
deleted (triggers).
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import NotFound
from ledger.ids import new_id
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys
from timebank.people.models import Community
from timebank.rewards import papers, register
from timebank.rewards.errors import (
    EvidenceChanged,
    NobodyChosen,
    NotEligible,
    NotesTooLong,
    OwnCommendation,
    TooManyChosen,
)
from timebank.rewards.models import Certificate, Commendation
from timebank.rewards.shortlist import Basis, DryRun, Row, dry_run

__all__ = ["Basis", "DryRun", "Row", "dry_run", "issue"]

CHOSEN_COUNT_MAX = 500
NOTES_LENGTH_MAX = 120


def issue(
    session: Session,
    actor: Actor,
    keys: CodeKeys,
    *,
    member_ids: Sequence[UUID],
    basis: Basis,
    notes: str = "",
) -> list[Certificate]:
    """Give every chosen member the stars of the dry run and a numbered certificate.

    Args:
        session: a write session.
        actor: a social worker of the community; stands on the paper as the handler.
        keys: sign the number that the QR carries.
        member_ids: 1 to 500 members, each eligible in the dry run.
        basis: `DryRun.basis` as the issuer has seen it.
        notes: printed in the row for notes, at most 120 characters.

    Returns:
        The certificates in the order of volunteer numbers.

    Raises:
        NobodyChosen, TooManyChosen, NotesTooLong: `nobody_chosen`, `too_many_chosen`,
            `notes_too_long`.
        OwnCommendation: `own_commendation`.
        EvidenceChanged: `evidence_changed`, the book moved since the dry run.
        NotFound: a member of another community.
        NotEligible: `not_eligible`, names the first who is not on the shortlist.
    """
    actor.require(Permission.COMMEND)
    chosen = _checked_choice(actor, member_ids)
    notes = _checked_notes(notes)
    moment = clock.now()
    community = session.get_one(Community, actor.community_id)
    year = clock.today(community.time_zone).year
    # The lock comes before the reading: of two who issue at once, the second sees what the first
    # gave.
    register.lock_year(session, actor.community_id, year)
    run = dry_run(session, actor, period_from=basis.period_from, period_to=basis.period_to)
    if run.basis != basis:
        raise EvidenceChanged()
    rows = _checked_rows(run, chosen)
    commendations = [_commendation(actor, run, row, moment) for row in rows]
    session.add_all(commendations)
    session.flush()
    desk = papers.Desk(community, keys, _name_of(run, actor), year, moment, notes)
    contents = papers.contents(session, desk, run, rows)
    first = register.take_numbers(session, actor.community_id, year, len(rows))
    certificates = [
        papers.certificate(desk, actor, commendation, first + offset, content)
        for offset, (commendation, content) in enumerate(zip(commendations, contents, strict=True))
    ]
    session.add_all(certificates)
    for certificate in certificates:
        audit.record(session, actor, "issue_certificate", f"certificate:{certificate.id}")
    session.flush()
    return certificates


def _checked_choice(actor: Actor, member_ids: Sequence[UUID]) -> set[UUID]:
    chosen = set(member_ids)
    if not chosen:
        raise NobodyChosen()
    if len(chosen) > CHOSEN_COUNT_MAX:
        raise TooManyChosen(count=len(chosen), count_max=CHOSEN_COUNT_MAX)
    if actor.member_id in chosen:
        raise OwnCommendation()
    return chosen


def _checked_notes(notes: str) -> str:
    notes = " ".join(notes.split())
    if len(notes) > NOTES_LENGTH_MAX:
        raise NotesTooLong(length=len(notes), length_max=NOTES_LENGTH_MAX)
    return notes


def _checked_rows(run: DryRun, chosen: set[UUID]) -> list[Row]:
    """Return the chosen rows in the order of the run, or refuse naming the first that cannot be."""
    rows = [row for row in run.rows if row.member_id in chosen]
    if len(rows) != len(chosen):
        raise NotFound()
    for row in rows:
        if not row.is_eligible:
            raise NotEligible(volunteer_number=row.volunteer_number, reason=row.reasons[0].code)
    return rows


def _commendation(actor: Actor, run: DryRun, row: Row, moment: datetime) -> Commendation:
    return Commendation(
        community_id=actor.community_id,
        id=new_id(),
        member_id=row.member_id,
        rule_version=run.rule_version,
        stars=row.stars_reached,
        counted_minutes=row.counted_minutes,
        period_from=_first_day(run, row),
        period_to=run.period_to,
        evidence=row.evidence.as_document() | {"run_digest": run.evidence.digest},
        issued_by_id=actor.member_id,
        issued_at=moment,
    )


def _first_day(run: DryRun, row: Row) -> date:
    """Return the first day of the period that holds a service: a paper names no day before it."""
    assert row.first_on is not None, "an eligible member has served"
    return max(run.period_from, row.first_on)


def _name_of(run: DryRun, actor: Actor) -> str:
    """Return the handler's name for the paper; empty when the system itself issues."""
    return next((row.name for row in run.rows if row.member_id == actor.member_id), "")
