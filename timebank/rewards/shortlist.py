"""The dry run: what the book says of every member, and the reason in or not in by the table.

Words: the *evidence* is the list of (transaction, minutes) that was counted, held as a count, the
last transaction and a digest; the *basis* is what an issuer has seen: period, version of the table
and digest of the whole run.

Invariants: the same book, table and period give the same rows in the same order and the same
digest, on both databases; the number of SQL statements does not grow with members or history. A
service that was reversed counts in no period, whenever the reversal was written.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from ledger import clock
from ledger.base import refers
from ledger.errors import N_
from ledger.schema import Posting, Transaction, TransactionKind
from timebank.actors import Actor, Permission
from timebank.people.models import Community, Member, MemberStatus
from timebank.rewards.errors import WrongPeriod
from timebank.rewards.models import Certificate, CertificateStatus, Commendation, StarRule
from timebank.rewards.stars import star_rule_in_force, stars_for

BEGINNING_ON = date(2000, 1, 1)
"""Stands for "from the beginning": before the first service of any book."""
DIGEST_VERSION = b"timebank-evidence-1"


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence of a verdict: `message` is a template for the catalog, `details` its facts."""

    code: str
    message: str
    details: dict[str, int | str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the English sentence with plain numbers and their units."""
        said = {name: _with_unit(name, fact) for name, fact in self.details.items()}
        return self.message % said if said else self.message


def _with_unit(name: str, fact: int | str) -> str:
    if name == "stars":
        return "1 star" if fact == 1 else f"{fact} stars"
    return f"{fact} min" if name.endswith("_minutes") else str(fact)


REACHED = N_("Counted %(counted_minutes)s, at least %(threshold_minutes)s: %(stars)s")
SHORT = N_("%(missing_minutes)s short of %(stars)s")
NO_SERVICE = N_("No confirmed service in this period")
ALREADY_GIVEN = N_("Already has %(stars)s by %(number)s")
SUSPENDED = N_("Suspended")
LEFT = N_("Has left")
IS_ISSUER = N_("Is the one who issues")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was counted; `digest` is SHA-256 in hex over (transaction id, minutes) by id."""

    transaction_count: int
    last_transaction_id: UUID | None
    digest: str

    def as_document(self) -> dict[str, Any]:
        """Return the JSON form that is frozen with a commendation."""
        last = self.last_transaction_id
        return {
            "transaction_count": self.transaction_count,
            "last_transaction_id": last.hex if last else None,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Basis:
    """What the issuer has seen; issuing refuses when the book no longer gives it."""

    period_from: date
    period_to: date
    rule_version: int
    evidence_digest: str


@dataclass(frozen=True, slots=True)
class Row:
    """One member: facts, verdict and reasons."""

    member_id: UUID
    volunteer_number: str
    name: str
    team: str
    counted_minutes: int
    first_on: date | None
    stars_reached: int
    stars_before: int
    is_eligible: bool
    reasons: tuple[Reason, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class DryRun:
    """The whole list in the order of volunteer numbers."""

    period_from: date
    period_to: date
    rule_version: int
    thresholds_minutes: tuple[int, ...]
    evidence: Evidence
    rows: tuple[Row, ...]

    @property
    def basis(self) -> Basis:
        """What to hand back to `issue`."""
        return Basis(self.period_from, self.period_to, self.rule_version, self.evidence.digest)

    @property
    def eligible_count(self) -> int:
        """How many would get a commendation."""
        return sum(row.is_eligible for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Given:
    """The highest stars a member holds by a valid certificate."""

    stars: int
    number: str


def dry_run(
    session: Session,
    actor: Actor,
    *,
    period_from: date | None = None,
    period_to: date | None = None,
) -> DryRun:
    """Work out, writing nothing, who would get how many stars and why everybody else would not.

    Args:
        session: a reading session is enough.
        actor: a social worker of the community.
        period_from: first day counted; None: from the beginning.
        period_to: last day counted, today at the latest; None: today. The table in force on this
            day is used.

    Returns:
        One row for every member, those who get nothing included.

    Raises:
        WrongPeriod: `wrong_period`.
        NoStarRule: `no_star_rule`.
    """
    actor.require(Permission.COMMEND)
    today = clock.today(session.get_one(Community, actor.community_id).time_zone)
    period_from, period_to = period_from or BEGINNING_ON, period_to or today
    if not period_from <= period_to <= today:
        raise WrongPeriod(
            period_from=period_from.isoformat(),
            period_to=period_to.isoformat(),
            today=today.isoformat(),
        )
    rule = star_rule_in_force(session, actor.community_id, period_to)
    members = session.scalars(
        sa.select(Member)
        .where(Member.community_id == actor.community_id)
        .order_by(Member.number)
        .execution_options(populate_existing=True)
    ).all()
    counted = _counted(session, actor.community_id, period_from, period_to)
    given = _highest_given(session, actor.community_id)
    rows = tuple(
        _row(actor, rule, member, counted[member.id], given.get(member.id)) for member in members
    )
    return DryRun(
        period_from=period_from,
        period_to=period_to,
        rule_version=rule.version,
        thresholds_minutes=tuple(rule.thresholds),
        evidence=_whole_evidence(rows, rule, period_from, period_to),
        rows=rows,
    )


@dataclass(slots=True)
class _Count:
    """Running count of one member's services."""

    minutes: int = 0
    transaction_count: int = 0
    last_transaction_id: UUID | None = None
    first_on: date | None = None
    digest: Any = field(default_factory=lambda: hashlib.sha256(DIGEST_VERSION))

    def add(self, transaction_id: UUID, minutes: int, occurred_on: date) -> None:
        self.minutes += minutes
        self.transaction_count += 1
        self.last_transaction_id = transaction_id
        self.first_on = min(self.first_on or occurred_on, occurred_on)
        self.digest.update(transaction_id.bytes + minutes.to_bytes(8, "big", signed=True))

    def evidence(self) -> Evidence:
        return Evidence(self.transaction_count, self.last_transaction_id, self.digest.hexdigest())


def counted_postings(
    community_id: UUID, period_from: date, period_to: date
) -> sa.Select[UUID, UUID, int, date]:
    """Return the query of what counts in a period: (member id, transaction id, minutes, day)."""
    reversal = aliased(Transaction)
    return (
        sa.select(Member.id, Transaction.id, Posting.amount_minor, Transaction.occurred_on)
        .join_from(
            Member,
            Posting,
            sa.and_(
                Posting.community_id == Member.community_id,
                Posting.account_id == Member.service_account_id,
            ),
        )
        .join(Transaction, refers(Posting.transaction_id, Transaction))
        .outerjoin(reversal, refers(reversal.reverses_id, Transaction))
        .where(
            Member.community_id == community_id,
            Transaction.kind == TransactionKind.SERVICE,
            Transaction.occurred_on.between(period_from, period_to),
            sa.not_(Posting.is_pending),
            reversal.id.is_(None),
        )
    )


def _counted(
    session: Session, community_id: UUID, period_from: date, period_to: date
) -> dict[UUID, _Count]:
    """Return the count of every member who served, from one statement read as a stream."""
    counts: dict[UUID, _Count] = defaultdict(_Count)
    query = counted_postings(community_id, period_from, period_to).order_by(
        Transaction.id, Posting.leg_no
    )
    for member_id, transaction_id, minutes, occurred_on in session.execute(query):
        counts[member_id].add(transaction_id, minutes, occurred_on)
    return counts


def _highest_given(session: Session, community_id: UUID) -> dict[UUID, _Given]:
    """Return the highest stars of every member that a valid certificate stands for."""
    rows = session.execute(
        sa.select(Commendation.member_id, Commendation.stars, Certificate.content)
        .join(Certificate, refers(Certificate.commendation_id, Commendation))
        .where(
            Commendation.community_id == community_id,
            Certificate.status == CertificateStatus.VALID,
        )
        .order_by(Commendation.stars, Certificate.year, Certificate.number)
    )
    return {
        member_id: _Given(stars, content["registration"]["number"])
        for member_id, stars, content in rows
    }


def _row(actor: Actor, rule: StarRule, member: Member, count: _Count, given: _Given | None) -> Row:
    thresholds: Sequence[int] = rule.thresholds
    stars = stars_for(count.minutes, thresholds)
    hindrance = _hindrance(actor, member)
    is_earned = stars > (given.stars if given else 0)
    reasons = [hindrance] if hindrance else []
    if is_earned:
        reasons.append(_reached(count.minutes, stars, thresholds))
    else:
        reasons.extend(_why_not_earned(count.minutes, stars, thresholds, given))
    return Row(
        member_id=member.id,
        volunteer_number=member.volunteer_number,
        name=member.name,
        team=member.team,
        counted_minutes=count.minutes,
        first_on=count.first_on,
        stars_reached=stars,
        stars_before=given.stars if given else 0,
        is_eligible=is_earned and hindrance is None,
        reasons=tuple(reasons),
        evidence=count.evidence(),
    )


def _hindrance(actor: Actor, member: Member) -> Reason | None:
    """Return why this person gets nothing whatever the minutes say."""
    if member.status == MemberStatus.LEFT:
        return Reason("left", LEFT)
    if member.status == MemberStatus.SUSPENDED:
        return Reason("suspended", SUSPENDED)
    if member.id == actor.member_id:
        return Reason("is_issuer", IS_ISSUER)
    return None


def _reached(minutes: int, stars: int, thresholds: Sequence[int]) -> Reason:
    details: dict[str, int | str] = {
        "counted_minutes": minutes,
        "threshold_minutes": thresholds[stars - 1],
        "stars": stars,
    }
    return Reason("reached", REACHED, details)


def _why_not_earned(
    minutes: int, stars: int, thresholds: Sequence[int], given: _Given | None
) -> list[Reason]:
    """Return what stands in the way by minutes: stars given before, minutes missing."""
    reasons = []
    if given:
        reasons.append(
            Reason("already_given", ALREADY_GIVEN, {"stars": given.stars, "number": given.number})
        )
    if minutes == 0:
        return [*reasons, Reason("no_service", NO_SERVICE)]
    next_stars = max(stars, given.stars if given else 0) + 1
    if next_stars <= len(thresholds):
        missing = thresholds[next_stars - 1] - minutes
        reasons.append(Reason("short", SHORT, {"missing_minutes": missing, "stars": next_stars}))
    return reasons


def _whole_evidence(
    rows: Sequence[Row], rule: StarRule, period_from: date, period_to: date
) -> Evidence:
    """Return the evidence of the run: it moves with a service, the table, the period, a member."""
    digest = hashlib.sha256(DIGEST_VERSION)
    digest.update(f"{period_from}|{period_to}|{rule.version}|{rule.thresholds}".encode())
    for row in rows:
        digest.update(row.member_id.bytes + bytes.fromhex(row.evidence.digest))
    lasts = (row.evidence.last_transaction_id for row in rows)
    last = max((last for last in lasts if last is not None), default=None)
    return Evidence(
        transaction_count=sum(row.evidence.transaction_count for row in rows),
        last_transaction_id=last,
        digest=digest.hexdigest(),
    )
