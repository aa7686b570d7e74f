"""Every code of the system: what is printed or shown, how it is signed, how a scan is read.

Words: *venue code* S (rotates every 30 s, or a poster with step 0), *scan ticket* (presence was
proven when the page opened), *member card* C (token in the QR, ten digits in the barcode), *pay
code* P (18 digits, one use), *goods* G, *certificate* V, *receipt* (ten digits beginning with 7).

Invariants: no code holds personal data; a signature is HMAC-SHA256 cut to 80 bits under a key
derived (HKDF) per community and purpose from the one root key; the first character of a signature
names the key, so that keys rotate; comparison takes constant time.
Source: RFC 2104, RFC 5869, RFC 4648 base32.
"""

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

STEP_SECONDS = 30
STEPS_ACCEPTED = 3
"""This step and the two before it: a venue code lives 60 to 90 s."""
STEP_PRINTED_MODULUS = 100_000
POSTER_STEP = 0
TICKET_LIFETIME = timedelta(minutes=10)
MAC_BYTES = 10
CARD_TOKEN_BYTES = 10
PAY_STEP_SECONDS = 30
PAY_STEPS_ACCEPTED = 2
PAY_CODE_LIFETIME_SECONDS = PAY_STEP_SECONDS * PAY_STEPS_ACCEPTED
ALIAS_DIGITS = 9
PAY_TIME_DIGITS = 7
LABEL_NUMBER_DIGITS = 8
SCAN_LENGTH_MAX = 200

_TICKET = re.compile(
    r"(([A-Z0-9]{1,4}-[A-Z0-9]{6})\.([PR])\.([0-9]{9,12}))\.([A-Z][A-Z2-7]{16})", re.ASCII
)


class Purpose(StrEnum):
    """What a derived key is for; one key per purpose, so that no code passes for another."""

    VENUE = "venue"
    TICKET = "ticket"
    PAY = "pay"
    CERTIFICATE = "certificate"
    DOCUMENT = "document"
    CARD = "card"
    WEBHOOK = "webhook"
    RECIPIENT = "recipient"
    DONOR = "donor"


@dataclass(frozen=True, slots=True)
class CodeKeys:
    """The root key; every other key is derived from it."""

    root: bytes

    def derive(self, community_id: UUID, purpose: Purpose, key_id: str) -> bytes:
        """Return the 32-byte key of one community, purpose and key id."""
        info = (
            b"timebank|"
            + purpose.value.encode()
            + b"|"
            + community_id.bytes
            + b"|"
            + key_id.encode()
        )
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self.root)

    def sign(self, community_id: UUID, purpose: Purpose, key_id: str, message: str) -> str:
        """Return key id + 16 base32 characters over `message`."""
        digest = hmac.digest(self.derive(community_id, purpose, key_id), message.encode(), "sha256")
        return key_id + base64.b32encode(digest[:MAC_BYTES]).decode()

    def verifies(self, community_id: UUID, purpose: Purpose, message: str, signature: str) -> bool:
        """Tell whether `signature` (any case) is ours for `message`.

        Constant time in the signature.
        """
        signature = signature.upper()
        if not re.fullmatch(r"[A-Z][A-Z2-7]{16}", signature):
            return False
        return hmac.compare_digest(
            self.sign(community_id, purpose, signature[0], message), signature
        )


# ---------------------------------------------------------------- venue codes


class VenueVerdict(StrEnum):
    """What a venue code is worth at a moment."""

    FRESH = "fresh"
    POSTER = "poster"
    EXPIRED = "code_expired"
    FORGED = "bad_signature"


def venue_step(moment: datetime) -> int:
    """Return the number of the 30-second step that holds `moment`."""
    return int(moment.timestamp()) // STEP_SECONDS


def _venue_message(occasion_code: str, step: int) -> str:
    return f"S|{occasion_code}|{step}"


def venue_path(
    keys: CodeKeys, community_id: UUID, key_id: str, occasion_code: str, step: int
) -> str:
    """Return `S/<OCC>.<STEP>.<MAC>`; `step` 0 is the poster.

    The MAC covers the full step, the path prints it modulo 100000.
    """
    signature = keys.sign(community_id, Purpose.VENUE, key_id, _venue_message(occasion_code, step))
    return f"S/{occasion_code}.{step % STEP_PRINTED_MODULUS}.{signature}"


def judge_venue_code(
    keys: CodeKeys,
    community_id: UUID,
    *,
    occasion_code: str,
    step: int,
    signature: str,
    moment: datetime,
) -> VenueVerdict:
    """Tell what a scanned venue code is worth at `moment`.

    Args:
        keys: the root key.
        community_id: the occasion's community.
        occasion_code: as printed, upper case.
        step: as printed (modulo 100000); 0 is the poster (a rotating step that is 0 modulo 100000
            is tried first).
        signature: as printed, any case.
        moment: when the code was scanned.
    """
    present = venue_step(moment)
    for age in range(STEPS_ACCEPTED):
        full_step = present - age
        if full_step % STEP_PRINTED_MODULUS == step and keys.verifies(
            community_id, Purpose.VENUE, _venue_message(occasion_code, full_step), signature
        ):
            return VenueVerdict.FRESH
    if step == POSTER_STEP and keys.verifies(
        community_id, Purpose.VENUE, _venue_message(occasion_code, POSTER_STEP), signature
    ):
        return VenueVerdict.POSTER
    past = present - (present - step) % STEP_PRINTED_MODULUS
    genuine = keys.verifies(
        community_id, Purpose.VENUE, _venue_message(occasion_code, past), signature
    )
    return VenueVerdict.EXPIRED if genuine else VenueVerdict.FORGED


def scan_ticket(
    keys: CodeKeys, community_id: UUID, occasion_code: str, *, is_poster: bool, moment: datetime
) -> str:
    """Return the signed proof that a fresh code was seen at `moment`.

    It is good for ten minutes. It names the occasion as the venue code does, so that it is found by
    its community's key.
    """
    kind = "P" if is_poster else "R"
    body = f"{occasion_code}.{kind}.{int(moment.timestamp())}"
    return f"{body}.{keys.sign(community_id, Purpose.TICKET, 'A', 'T|' + body)}"


@dataclass(frozen=True, slots=True)
class Ticket:
    """An opened scan ticket."""

    occasion_code: str
    is_poster: bool
    seen_at: datetime
    is_expired: bool


def open_ticket(keys: CodeKeys, community_id: UUID, text: str, moment: datetime) -> Ticket | None:
    """Return the ticket, or None when it is not ours for this community."""
    match = _TICKET.fullmatch(text)
    if not match:
        return None
    body, occasion_code, kind, seconds, signature = match.groups()
    if not keys.verifies(community_id, Purpose.TICKET, f"T|{body}", signature):
        return None
    seen_at = datetime.fromtimestamp(int(seconds), UTC)
    is_expired = not timedelta(0) <= moment - seen_at + timedelta(seconds=1) <= TICKET_LIFETIME
    return Ticket(occasion_code, kind == "P", seen_at, is_expired)


def ticket_occasion_code(text: str) -> str | None:
    """Return the occasion a ticket speaks of, unproven.

    The signature is checked under its community's key.
    """
    match = _TICKET.fullmatch(text)
    return match[2] if match else None


# ---------------------------------------------------------------- digits


def check_digit(digits: str) -> str:
    """Return the Luhn check digit (ISO/IEC 7812-1).

    It catches every single wrong digit and most swaps.
    """
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def has_valid_check_digit(digits: str) -> bool:
    """Tell whether the last digit is the check digit of those before it."""
    return len(digits) > 1 and check_digit(digits[:-1]) == digits[-1]


def new_card_digits() -> str:
    """Return ten fresh digits of a card: 1, eight random, check digit."""
    body = f"1{secrets.randbelow(10**LABEL_NUMBER_DIGITS):0{LABEL_NUMBER_DIGITS}d}"
    return body + check_digit(body)


def goods_digits(item_number: int) -> str:
    """Return the ten digits of a goods label: 5, the number in eight digits, check digit."""
    body = f"5{item_number:0{LABEL_NUMBER_DIGITS}d}"
    return body + check_digit(body)


def receipt_digits(receipt_number: int) -> str:
    """Return the ten digits of a receipt: 7, the number in eight digits, check digit."""
    body = f"7{receipt_number:0{LABEL_NUMBER_DIGITS}d}"
    return body + check_digit(body)


def new_alias() -> str:
    """Return a fresh nine-digit alias for pay codes."""
    return f"{secrets.randbelow(10**ALIAS_DIGITS):0{ALIAS_DIGITS}d}"


# ---------------------------------------------------------------- cards


def new_card_token() -> str:
    """Return 16 base32 characters, 80 random bits, for the QR of a card."""
    return base64.b32encode(secrets.token_bytes(CARD_TOKEN_BYTES)).decode()


def token_digest(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256, case folded to upper."""
    return hashlib.sha256(token.upper().encode()).digest()


# ---------------------------------------------------------------- pay codes


def pay_step(moment: datetime) -> int:
    """Return the number of the 30-second pay step that holds `moment`."""
    return int(moment.timestamp()) // PAY_STEP_SECONDS


def _pay_time_digits(keys: CodeKeys, community_id: UUID, alias: str, step: int) -> str:
    digest = hmac.digest(
        keys.derive(community_id, Purpose.PAY, "A"), f"P|{alias}|{step}".encode(), "sha256"
    )
    return f"{int.from_bytes(digest[:8]) % 10**PAY_TIME_DIGITS:0{PAY_TIME_DIGITS}d}"


def pay_code(keys: CodeKeys, community_id: UUID, alias: str, moment: datetime) -> str:
    """Return the 18 digits shown on the phone: 8, alias, time code, check digit."""
    body = f"8{alias}{_pay_time_digits(keys, community_id, alias, pay_step(moment))}"
    return body + check_digit(body)


def pay_alias(digits: str) -> str:
    """Return the alias inside a well-formed pay code."""
    return digits[1 : 1 + ALIAS_DIGITS]


def matching_pay_step(
    keys: CodeKeys, community_id: UUID, digits: str, moment: datetime
) -> int | None:
    """Return the step, this one or the one before, for which the pay code is good at `moment`."""
    alias, time_digits = pay_alias(digits), digits[1 + ALIAS_DIGITS : -1]
    present = pay_step(moment)
    for step in (present, present - 1):
        if hmac.compare_digest(_pay_time_digits(keys, community_id, alias, step), time_digits):
            return step
    return None


# ---------------------------------------------------------------- certificates


def certificate_signature(keys: CodeKeys, community_id: UUID, key_id: str, number: str) -> str:
    """Return the signature printed behind a certificate number such as D2026-000137."""
    return keys.sign(community_id, Purpose.CERTIFICATE, key_id, f"V|{number}")


def certificate_is_ours(keys: CodeKeys, community_id: UUID, number: str, signature: str) -> bool:
    """Tell whether the signature behind a certificate number is ours."""
    return keys.verifies(community_id, Purpose.CERTIFICATE, f"V|{number}", signature)


# ---------------------------------------------------------------- reading a scan


class ScanKind(StrEnum):
    """What a scanned text turned out to be."""

    CARD_TOKEN = "card_token"  # noqa: S105  # a kind of scan, not a secret
    CARD = "card"
    GOODS = "goods"
    PAY_CODE = "pay_code"
    RECEIPT = "receipt"
    VENUE = "venue"
    GOODS_PAGE = "goods_page"
    CERTIFICATE = "certificate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan line read: its kind and the part that names the thing."""

    kind: ScanKind
    value: str


_DIGIT_KINDS = {
    ("1", 10): ScanKind.CARD,
    ("5", 10): ScanKind.GOODS,
    ("7", 10): ScanKind.RECEIPT,
    ("8", 18): ScanKind.PAY_CODE,
}
_PATH_KINDS = {
    "C": ScanKind.CARD_TOKEN,
    "S": ScanKind.VENUE,
    "G": ScanKind.GOODS_PAGE,
    "V": ScanKind.CERTIFICATE,
}
_IME_GARBLE = str.maketrans({"、": "/", "。": ".", "：": ":", "；": ";", "，": ","})


def read_scan(text: str) -> Scan:
    """Read what a scanner, a camera or a hand typed, also through a Chinese input method.

    Full-width characters are folded (NFKC), 、 and 。 mapped back to / and ., blanks dropped,
    letters raised; of a URL the last two path segments count. Digits with a wrong check digit are
    UNKNOWN, so that a misread never names another person.
    """
    folded = unicodedata.normalize("NFKC", text[:SCAN_LENGTH_MAX].translate(_IME_GARBLE))
    folded = "".join(folded.split()).upper()
    if folded.isascii() and folded.isdigit():
        kind = _DIGIT_KINDS.get((folded[0], len(folded)))
        if kind and has_valid_check_digit(folded):
            return Scan(kind, folded)
        return Scan(ScanKind.UNKNOWN, folded)
    match = re.search(r"(?:^|/)([CSGV])/([A-Z0-9.\-]+)/?$", folded)
    if match:
        return Scan(_PATH_KINDS[match[1]], match[2])
    return Scan(ScanKind.UNKNOWN, folded)


def label_number(digits: str) -> int:
    """Return the number inside goods or receipt digits."""
    return int(digits[1:-1])
