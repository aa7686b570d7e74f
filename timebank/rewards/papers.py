"""What a certificate says: four parts, frozen as JSON when it is issued, with a printed hash.

Words: the *content* is the JSON; its *hash* is SHA-256 over the canonical bytes (sorted keys,
UTF-8, no blanks); the *signature* behind the number is what the QR carries.

Invariants: everything the paper prints comes from the content, so that a reprint in ten years is
the same paper; document numbers appear masked only.
Source: the four parts of the record of service: person; hours and content; issuer; number, date and
notes.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.base import refers
from ledger.ids import new_id
from ledger.schema import Posting, Transaction
from timebank.actors import Actor
from timebank.codes import CodeKeys, certificate_signature
from timebank.people.models import Community, Member
from timebank.rewards.models import Certificate, CertificateStatus, Commendation
from timebank.rewards.register import printed_number
from timebank.rewards.shortlist import DryRun, Row, counted_postings
from timebank.service.models import Attendance, Category, Occasion

CONTENT_VERSION = 1
CERTIFIED_STEP_MINUTES = 30
"""A certificate names whole half hours, rounded down; the minutes stand beside them."""
TITLES_SHOWN_MAX = 3

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where and by whom papers are issued in one run."""

    community: Community
    keys: CodeKeys
    handler_name: str
    year: int
    moment: datetime
    notes: str


def contents(session: Session, desk: Desk, run: DryRun, rows: Sequence[Row]) -> list[Content]:
    """Return the content of every row's paper, still without number, in the order of the rows."""
    ids = [row.member_id for row in rows]
    members = {
        member.id: member
        for member in session.scalars(
            sa.select(Member).where(
                Member.community_id == desk.community.community_id, Member.id.in_(ids)
            )
        )
    }
    services = _services(session, desk.community.community_id, run, ids)
    return [
        {
            "version": CONTENT_VERSION,
            "person": _person(members[row.member_id]),
            "service": _service(run, row, services.get(row.member_id, [])),
            "issuer": _issuer(desk),
        }
        for row in rows
    ]


def certificate(
    desk: Desk, actor: Actor, commendation: Commendation, number: int, content: Content
) -> Certificate:
    """Return the certificate of a commendation, its number entered and its content frozen."""
    community = desk.community
    printed = printed_number(community.code, desk.year, number)
    content["registration"] = {
        "number": printed,
        "signature": certificate_signature(
            desk.keys, community.community_id, community.code_key_id, printed
        ),
        "issued_on": desk.moment.astimezone(ZoneInfo(community.time_zone)).date().isoformat(),
        "notes": desk.notes,
    }
    return Certificate(
        community_id=community.community_id,
        id=new_id(),
        year=desk.year,
        number=number,
        member_id=commendation.member_id,
        commendation_id=commendation.id,
        content=content,
        content_hash=content_hash(content),
        status=CertificateStatus.VALID,
        issued_at=desk.moment,
        issued_by_id=actor.member_id,
    )


def content_hash(content: Content) -> bytes:
    """Return SHA-256 over the canonical bytes of a content."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()


def certified_minutes(minutes: int) -> int:
    """Return the minutes a certificate names: whole half hours, rounded down."""
    return minutes // CERTIFIED_STEP_MINUTES * CERTIFIED_STEP_MINUTES


def _person(member: Member) -> dict[str, str]:
    return {
        "name": member.name,
        "volunteer_number": member.volunteer_number,
        "document_kind": member.document_kind or "",
        "document_number_masked": member.document_number_masked or "",
    }


def _service(run: DryRun, row: Row, kinds: list[dict[str, Any]]) -> dict[str, Any]:
    assert row.first_on is not None, "an eligible member has served"
    return {
        "counted_minutes": row.counted_minutes,
        "certified_minutes": certified_minutes(row.counted_minutes),
        "period_from": max(run.period_from, row.first_on).isoformat(),
        "period_to": run.period_to.isoformat(),
        "stars": row.stars_reached,
        "threshold_minutes": run.thresholds_minutes[row.stars_reached - 1],
        "rule_version": run.rule_version,
        "kinds": kinds,
    }


def _issuer(desk: Desk) -> dict[str, str]:
    return {
        "name": desk.community.issuer_name,
        "contact": desk.community.issuer_contact,
        "responsible": desk.community.responsible_name,
        "handler": desk.handler_name,
    }


def _services(
    session: Session, community_id: UUID, run: DryRun, member_ids: Sequence[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    """Return every member's minutes and largest titles by category, most minutes first.

    A service that no attendance stands behind (history brought in from another book) is named by
    the category `other`, so that the rows always add up to the counted minutes.
    """
    counted = counted_postings(community_id, run.period_from, run.period_to)
    query = (
        counted.outerjoin(
            Attendance,
            sa.and_(
                Attendance.community_id == Member.community_id,
                Attendance.transaction_id == Transaction.id,
            ),
        )
        .outerjoin(Occasion, refers(Attendance.occasion_id, Occasion))
        .where(Member.id.in_(member_ids))
        .with_only_columns(
            Member.id, Occasion.category, Occasion.title, sa.func.sum(Posting.amount_minor)
        )
        .group_by(Member.id, Occasion.category, Occasion.title)
    )
    sums: dict[UUID, dict[str, dict[str, int]]] = {}
    for member_id, category, title, minutes in session.execute(query):
        kind = sums.setdefault(member_id, {}).setdefault(_kind_name(category), {})
        kind[title or ""] = kind.get(title or "", 0) + int(minutes)
    return {member_id: _kinds(by_kind) for member_id, by_kind in sums.items()}


def _kind_name(category: Category | None) -> str:
    return category.value if category else "other"


def _kinds(by_kind: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    kinds = [
        {
            "category": name,
            "minutes": sum(titles.values()),
            "titles": [
                title
                for title, _ in sorted(titles.items(), key=lambda item: (-item[1], item[0]))
                if title
            ][:TITLES_SHOWN_MAX],
        }
        for name, titles in by_kind.items()
    ]
    return sorted(kinds, key=lambda kind: (-kind["minutes"], kind["category"]))
