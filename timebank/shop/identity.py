"""Who stands at the till: a card, a pay code, or a name that the clerk looked up.

Words: a *found* member is looked up but not yet accepted; a *holder* is accepted. The holder's
*ticket* is signed, so that the page may carry it from the scan to F2 while a pay code's minute runs
out; it tells how the member was identified and lasts half an hour.

Invariants: a card identifies and never authorises; a wrong and an expired pay code answer alike;
nobody is served by themselves.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from timebank import codes
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, Purpose, ScanKind
from timebank.people.errors import CardNotFound, CardRevoked, MemberNotFound, MemberSuspended
from timebank.people.models import Community, Member, MemberCard, MemberStatus
from timebank.shop.errors import (
    CodeNotUnderstood,
    OwnAccount,
    PayCodeExpired,
    PayCodeUsed,
    ScanAgain,
)
from timebank.shop.sale_models import (
    IdentifiedBy,
    PayCodeUse,
)

TICKET_LIFETIME = timedelta(minutes=30)
NO_STEP = 0
NUMBER_MAX = 10**8
SHOWN_TEXT_LENGTH_MAX = 60
_TICKET = re.compile(r"M\.([0-9a-f]{32})\.([a-z_]+)\.(\d{1,12})\.(\d{9,12})\.(\w{17})")
_VOLUNTEER_NUMBER = re.compile(r"V0*(\d{1,8})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """A member looked up by a scan.

    `pay_step` is None when no pay code is at work; `is_stale` when the scan is no longer good.
    """

    member: Member
    community: Community
    identified_by: IdentifiedBy
    pay_step: int | None
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """A member accepted at the till, with the ticket that proves it."""

    member: Member
    community: Community
    identified_by: IdentifiedBy
    ticket: str


def identify(session: Session, actor: Actor, keys: CodeKeys, *, scan: str) -> Holder:
    """Return the member behind a card, a pay code, a ticket or a number (V0001, found by name).

    Args:
        session: may be read-only.
        actor: needs `keep_shop`; not the member.
        keys: the root key.
        scan: as it came from the scanner, the keyboard or the page.

    Raises:
        CodeNotUnderstood: unknown_code, with the text as it came.
        CardNotFound, CardRevoked, MemberNotFound: invalid, revoked, member_not_found.
        PayCodeExpired, PayCodeUsed, ScanAgain: code_expired, code_used, scan_again.
        OwnAccount, MemberSuspended: own_account, suspended.
    """
    actor.require(Permission.KEEP_SHOP)
    found = find(session, actor, keys, scan=scan, lock=False)
    accept(actor, found)
    if found.pay_step is not None:
        used = session.get(PayCodeUse, (actor.community_id, found.member.id, found.pay_step))
        if used is not None:
            raise PayCodeUsed
    return Holder(found.member, found.community, found.identified_by, _ticket(keys, found))


def ticket_from_file(actor: Actor, keys: CodeKeys, *, member: Member, community: Community) -> str:
    """Return the proof that an older system's receipt names a member; its import alone asks.

    Args:
        actor: the system.
        keys: the root key.
        member: of the actor's community.
        community: of both.
    """
    assert actor.member_id is None, "no clerk vouches for a file"
    return _ticket(keys, Found(member, community, IdentifiedBy.FILE, None, is_stale=False))


def find(session: Session, actor: Actor, keys: CodeKeys, *, scan: str, lock: bool) -> Found:
    """Return whom a scan means, without judging yet whether it is still good.

    The judgement comes later (`accept`), because the repeat of a finished sale gets its receipt
    however old the scan is by then.

    Args:
        session: read-only, or a write session when `lock` is set.
        actor: the clerk.
        keys: the root key.
        scan: as it came.
        lock: lock the member row, which makes the sales of one member wait for each other.
    """
    ticket = _TICKET.fullmatch(scan.strip())
    if ticket is not None:
        return _find_by_ticket(session, actor, keys, ticket, lock=lock)
    number = _VOLUNTEER_NUMBER.fullmatch(scan.strip())
    if number is not None:
        by_number = Member.number == int(number[1])
        member, community = _member(session, actor, by_number, MemberNotFound(), lock=lock)
        return Found(member, community, IdentifiedBy.NAME, None, is_stale=False)
    read = codes.read_scan(scan)
    if read.kind in {ScanKind.CARD, ScanKind.CARD_TOKEN}:
        return _find_by_card(session, actor, read, lock=lock)
    if read.kind is ScanKind.PAY_CODE:
        return _find_by_pay_code(session, actor, keys, read.value, lock=lock)
    raise CodeNotUnderstood(text=scan.strip()[:SHOWN_TEXT_LENGTH_MAX])


def accept(actor: Actor, found: Found) -> None:
    """Refuse an outdated scan, the clerk's own account, and a member who does not take part."""
    if found.is_stale:
        raise PayCodeExpired if found.identified_by is IdentifiedBy.PAY_CODE else ScanAgain
    if found.member.id == actor.member_id:
        raise OwnAccount
    if found.member.status is not MemberStatus.ACTIVE:
        raise MemberSuspended(name=found.member.name)


# ---------------------------------------------------------------- leaves


def _member(
    session: Session,
    actor: Actor,
    condition: sa.ColumnElement[bool],
    otherwise: Exception,
    *,
    lock: bool,
) -> tuple[Member, Community]:
    """Return one member with the community, in one statement."""
    statement = (
        sa.select(Member, Community)
        .join(Community, Community.community_id == Member.community_id)
        .where(Member.community_id == actor.community_id, condition)
    )
    if lock:
        statement = statement.with_for_update(key_share=True, of=Member).execution_options(
            populate_existing=True
        )
    row = session.execute(statement).one_or_none()
    if row is None:
        raise otherwise
    return row[0], row[1]


def _find_by_card(session: Session, actor: Actor, read: codes.Scan, *, lock: bool) -> Found:
    by_digits = read.kind is ScanKind.CARD
    card = session.scalar(
        sa.select(MemberCard).where(
            MemberCard.community_id == actor.community_id,
            MemberCard.digits == read.value
            if by_digits
            else MemberCard.token_digest == codes.token_digest(read.value),
        )
    )
    if card is None:
        raise CardNotFound
    member, community = _member(
        session, actor, Member.id == card.member_id, CardNotFound(), lock=lock
    )
    if card.revoked_at is not None:
        revoked_at = card.revoked_at.astimezone(ZoneInfo(community.time_zone))
        raise CardRevoked(revoked_on=revoked_at.date().isoformat())
    return Found(member, community, IdentifiedBy.CARD, None, is_stale=False)


def _find_by_pay_code(
    session: Session, actor: Actor, keys: CodeKeys, digits: str, *, lock: bool
) -> Found:
    by_alias = Member.alias == codes.pay_alias(digits)
    member, community = _member(session, actor, by_alias, PayCodeExpired(), lock=lock)
    step = codes.matching_pay_step(keys, actor.community_id, digits, clock.now())
    return Found(member, community, IdentifiedBy.PAY_CODE, step, is_stale=step is None)


def _ticket(keys: CodeKeys, found: Found) -> str:
    """Return the signed proof of who was identified, how and when."""
    seconds = int(clock.now().timestamp())
    step = NO_STEP if found.pay_step is None else found.pay_step
    body = f"M.{found.member.id.hex}.{found.identified_by.value}.{step}.{seconds}"
    return f"{body}.{_signature(keys, found.member.community_id, body)}"


def _signature(keys: CodeKeys, community_id: UUID, body: str) -> str:
    # The message begins with another letter than a scan ticket's, so neither passes for the other.
    return keys.sign(community_id, Purpose.TICKET, "A", body)


def _find_by_ticket(
    session: Session, actor: Actor, keys: CodeKeys, ticket: re.Match[str], *, lock: bool
) -> Found:
    member_hex, by, step, seconds, signature = ticket.groups()
    body = ticket[0].rpartition(".")[0]
    if not keys.verifies(actor.community_id, Purpose.TICKET, body, signature):
        raise ScanAgain
    member, community = _member(
        session, actor, Member.id == UUID(member_hex), ScanAgain(), lock=lock
    )
    age = clock.now().timestamp() - int(seconds)
    identified_by = IdentifiedBy(by)
    return Found(
        member,
        community,
        identified_by,
        int(step) if identified_by is IdentifiedBy.PAY_CODE else None,
        is_stale=not 0 <= age + 1 <= TICKET_LIFETIME.total_seconds(),
    )
