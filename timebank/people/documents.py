"""The number of a member's identity document.

It is kept encrypted and shown masked, and every look at it is logged.

Source: Fernet (AES-128-CBC with HMAC-SHA256) of the cryptography library under a key derived from
the root key, per community.
"""

import base64
import re
import unicodedata
from typing import Final
from uuid import UUID

from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from timebank import audit
from timebank.actors import Actor, Permission
from timebank.codes import CodeKeys, Purpose
from timebank.people.errors import DocumentInvalid
from timebank.people.members import locked_member
from timebank.people.models import Member
from timebank.people.names import checked_name

NUMBER_PATTERN: Final = re.compile(r"[A-Z0-9]{4,40}")
KEY_ID: Final = "A"
SHOWN_FRONT: Final = 3
SHOWN_END: Final = 2


def set_document(
    session: Session, actor: Actor, keys: CodeKeys, member_id: UUID, *, kind: str, number: str
) -> Member:
    """Keep the kind and number of a member's document; an empty number takes it out of the record.

    Raises:
        MemberNotFound: (`member_not_found`).
        DocumentInvalid: not 4 to 40 letters and digits (`document_invalid`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    folded = "".join(unicodedata.normalize("NFKC", number).split()).upper()
    if not folded:
        member.document_kind = None
        member.document_number_encrypted = None
        member.document_number_masked = None
    elif NUMBER_PATTERN.fullmatch(folded):
        member.document_kind = checked_name(kind)
        member.document_number_encrypted = _box(keys, actor).encrypt(folded.encode())
        member.document_number_masked = masked_number(folded)
    else:
        raise DocumentInvalid
    audit.record(session, actor, "set_document", f"member:{member.id}", is_kept=bool(folded))
    session.flush()
    return member


def read_document(session: Session, actor: Actor, keys: CodeKeys, member_id: UUID) -> str | None:
    """Return the whole number; the look is logged.

    Raises:
        MemberNotFound: (`member_not_found`).
    """
    actor.require(Permission.MANAGE_MEMBERS)
    member = locked_member(session, actor, member_id)
    audit.record(session, actor, "read_document", f"member:{member.id}")
    if member.document_number_encrypted is None:
        return None
    return _box(keys, actor).decrypt(member.document_number_encrypted).decode()


def masked_number(number: str) -> str:
    """Return 452***********36: front and end only, and of a short one the end only."""
    front = SHOWN_FRONT if len(number) >= 2 * (SHOWN_FRONT + SHOWN_END) else 0
    hidden = len(number) - front - SHOWN_END
    return number[:front] + "*" * hidden + number[-SHOWN_END:]


def _box(keys: CodeKeys, actor: Actor) -> Fernet:
    key = keys.derive(actor.community_id, Purpose.DOCUMENT, KEY_ID)
    return Fernet(base64.urlsafe_b64encode(key))
