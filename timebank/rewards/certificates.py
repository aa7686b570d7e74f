"""Certificates after they are issued: found, listed, revoked once, verified by anyone.

Words: the *code* of a certificate is number + '.' + signature, as in its QR; the *ending* is the
last four characters of the signature, for those who type.

Invariants: verifying writes nothing and answers alike for an unknown number and a forged signature;
it tells no more than the paper, the name masked; a certificate is revoked at most once, never by
its holder, with a reason that everyone who checks it sees.
"""

import hmac
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import clock
from ledger.errors import NotFound
from timebank import audit
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, certificate_is_ours
from timebank.people.models import Community
from timebank.people.names import masked_name
from timebank.rewards.errors import (
    AlreadyRevoked,
    OwnCertificate,
    RevocationReasonMissing,
    RevocationReasonTooLong,
    UnknownCertificate,
)
from timebank.rewards.models import REASON_LENGTH_MAX, Certificate, CertificateStatus
from timebank.rewards.register import read_printed_number

ENDING_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Verification:
    """What anyone may know about a certificate."""

    number: str
    status: CertificateStatus
    name_masked: str
    counted_minutes: int
    certified_minutes: int
    stars: int
    period_from: date
    period_to: date
    issuer_name: str
    issuer_contact: str
    issued_on: date
    content_hash: bytes
    revoked_on: date | None
    revoke_reason: str | None
    community_id: UUID
    community_name: str
    community_name_en: str
    time_zone: str

    @property
    def is_valid(self) -> bool:
        """Whether it has not been revoked."""
        return self.status == CertificateStatus.VALID


def find_certificate(session: Session, actor: Actor, *, certificate_id: UUID) -> Certificate:
    """Return a certificate of the actor's community: any for the desk, their own for everyone else.

    Raises:
        NotFound: none such, another community's, or another member's.
    """
    certificate = session.get(Certificate, (actor.community_id, certificate_id))
    if certificate is None:
        raise NotFound()
    if not actor.may(Permission.COMMEND) and certificate.member_id != actor.member_id:
        raise NotFound()
    return certificate


def list_certificates(session: Session, actor: Actor) -> list[Certificate]:
    """Return the whole register of the actor's community, newest first."""
    actor.require(Permission.COMMEND)
    return list(
        session.scalars(
            sa.select(Certificate)
            .where(Certificate.community_id == actor.community_id)
            .order_by(Certificate.year.desc(), Certificate.number.desc())
        )
    )


def list_own_certificates(session: Session, actor: Actor) -> list[Certificate]:
    """Return the actor's own certificates, newest first, revoked ones included."""
    actor.require(Permission.SEE_OWN_RECORD)
    return list(
        session.scalars(
            sa.select(Certificate)
            .where(
                Certificate.community_id == actor.community_id,
                Certificate.member_id == actor.member_id,
            )
            .order_by(Certificate.year.desc(), Certificate.number.desc())
        )
    )


def revoke(session: Session, actor: Actor, *, certificate_id: UUID, reason: str) -> Certificate:
    """Revoke a certificate for good; its facts stay readable.

    Args:
        session: a write session.
        actor: a social worker of the community, not the holder.
        certificate_id: which.
        reason: 1 to 200 characters, shown to everyone who checks the certificate.

    Raises:
        RevocationReasonMissing: `revocation_reason_missing`.
        RevocationReasonTooLong: `revocation_reason_too_long`.
        OwnCertificate: `own_certificate`.
        AlreadyRevoked: `already_revoked`, says since when.
    """
    actor.require(Permission.COMMEND)
    reason = _checked_reason(reason)
    certificate = find_certificate(session, actor, certificate_id=certificate_id)
    if certificate.member_id == actor.member_id:
        raise OwnCertificate()
    # The condition on the status decides between two who revoke at once.
    revoked = session.execute(
        sa.update(Certificate)
        .where(
            Certificate.community_id == actor.community_id,
            Certificate.id == certificate_id,
            Certificate.status == CertificateStatus.VALID,
        )
        .values(
            status=CertificateStatus.REVOKED,
            revoked_at=clock.now(),
            revoked_by_id=actor.member_id,
            revoke_reason=reason,
        )
        .returning(Certificate.id)
        .execution_options(synchronize_session=False)
    ).all()
    session.refresh(certificate)
    if not revoked:
        raise AlreadyRevoked(
            number=certificate.printed_number, revoked_on=_revoked_on(session, certificate)
        )
    audit.record(session, actor, "revoke_certificate", f"certificate:{certificate.id}")
    session.flush()
    return certificate


def verify_code(session: Session, keys: CodeKeys, *, code: str) -> Verification:
    """Verify `number.signature` in any case, as the QR carries it.

    Raises:
        UnknownCertificate: `unknown_certificate`: never issued, or the signature is not ours.
    """
    number, _, signature = _folded(code).partition(".")
    certificate, community = _by_number(session, number)
    if not certificate_is_ours(keys, community.community_id, number, signature):
        raise UnknownCertificate()
    return _verification(certificate, community)


def verify_typed(session: Session, *, number: str, ending: str) -> Verification:
    """Verify a number and the last four characters of its signature, typed from the paper.

    Four characters are twenty bits: the caller limits how often one address may try.

    Raises:
        UnknownCertificate: `unknown_certificate`.
    """
    certificate, community = _by_number(session, _folded(number))
    expected = certificate.content["registration"]["signature"][-ENDING_LENGTH:]
    if not hmac.compare_digest(expected.encode(), _folded(ending).encode()):
        raise UnknownCertificate()
    return _verification(certificate, community)


def _folded(text: str) -> str:
    """Return typed text as it is printed: full-width folded, blanks dropped, capitals."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def _by_number(session: Session, text: str) -> tuple[Certificate, Community]:
    printed = read_printed_number(text)
    if printed is None:
        raise UnknownCertificate()
    found = session.execute(
        sa.select(Certificate, Community)
        .join(Community, Community.community_id == Certificate.community_id)
        .where(
            Community.code == printed.community_code,
            Certificate.year == printed.year,
            Certificate.number == printed.number,
        )
    ).one_or_none()
    if found is None or found[0].printed_number != text:
        raise UnknownCertificate()
    return found[0], found[1]


def _verification(certificate: Certificate, community: Community) -> Verification:
    content = certificate.content
    service, issuer = content["service"], content["issuer"]
    return Verification(
        number=certificate.printed_number,
        status=certificate.status,
        name_masked=masked_name(content["person"]["name"]),
        counted_minutes=service["counted_minutes"],
        certified_minutes=service["certified_minutes"],
        stars=service["stars"],
        period_from=date.fromisoformat(service["period_from"]),
        period_to=date.fromisoformat(service["period_to"]),
        issuer_name=issuer["name"],
        issuer_contact=issuer["contact"],
        issued_on=date.fromisoformat(content["registration"]["issued_on"]),
        content_hash=certificate.content_hash,
        revoked_on=_day(certificate.revoked_at, community.time_zone),
        revoke_reason=certificate.revoke_reason,
        community_id=community.community_id,
        community_name=community.name,
        community_name_en=community.name_en,
        time_zone=community.time_zone,
    )


def _day(moment: datetime | None, zone: str) -> date | None:
    return moment.astimezone(ZoneInfo(zone)).date() if moment else None


def _revoked_on(session: Session, certificate: Certificate) -> str:
    zone = session.get_one(Community, certificate.community_id).time_zone
    day = _day(certificate.revoked_at, zone)
    assert day is not None, "a revoked certificate says when"
    return day.isoformat()


def _checked_reason(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason:
        raise RevocationReasonMissing()
    if len(reason) > REASON_LENGTH_MAX:
        raise RevocationReasonTooLong(length=len(reason), length_max=REASON_LENGTH_MAX)
    return reason
