"""Passwords and PINs: how they are kept and what they must be.

Kept as argon2id. The profile is the one OWASP recommends for 19 MiB; tests choose a cheap one,
because the parameters stand inside every
hash and each verification uses its own.
"""

import unicodedata
from itertools import pairwise
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from timebank.people.errors import PasswordTooCommon, PasswordTooShort, PinInvalid

PASSWORD_LENGTH_MIN: Final = 8
PIN_LENGTH_MIN: Final = 4
PIN_LENGTH_MAX: Final = 6
OWASP: Final = PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID)
"""For tests only: as weak as argon2 allows."""
COMMON: Final = frozenset(
    {
        *("password", "password1", "passw0rd", "qwertyui", "qwerty123", "iloveyou", "1q2w3e4r"),
        *("12345678", "123456789", "1234567890", "87654321", "11223344", "woaini1314", "a1234567"),
        *("88888888", "66666666", "00000000", "11111111", "abcd1234", "aa123456", "asdfghjk"),
    }
)

_hasher: PasswordHasher = OWASP


def use_profile(hasher: PasswordHasher) -> None:
    """Choose how new hashes of this process are made: `OWASP` (from the start) or `CHEAP`."""
    global _hasher  # one profile per process is the meaning of it
    _hasher = hasher


def hashed(secret: str) -> str:
    """Return the argon2id hash of a password or PIN."""
    return _hasher.hash(_composed(secret))


def matches(secret_hash: str, secret: str) -> bool:
    """Tell whether the secret is the one behind the hash."""
    try:
        return _hasher.verify(secret_hash, _composed(secret))
    except (VerifyMismatchError, InvalidHashError):
        return False


def is_outdated(secret_hash: str) -> bool:
    """Tell whether the hash was made under another profile: the next sign-in renews it."""
    return _hasher.check_needs_rehash(secret_hash)


def spend_as_much(secret: str) -> None:
    """Take the time of a verification, so an unknown number answers as slowly."""
    hashed(secret)


def check_password(password: str, *, phone: str) -> None:
    """Refuse what anybody would guess.

    Args:
        password: as typed.
        phone: the person's own number, which is not a password.

    Raises:
        PasswordTooShort: fewer than 8 characters (`password_too_short`).
        PasswordTooCommon: a known one, one character repeated, or the phone number
            (`password_too_common`).
    """
    if len(password) < PASSWORD_LENGTH_MIN:
        raise PasswordTooShort(min=PASSWORD_LENGTH_MIN, count=len(password))
    if password.lower() in COMMON or len(set(password)) == 1 or phone.endswith(password):
        raise PasswordTooCommon


def check_pin(pin: str) -> None:
    """Refuse a PIN that is no number of 4 to 6 digits, or that is the first guess of anybody.

    Raises:
        PinInvalid: (`pin_invalid`).
    """
    is_number = pin.isascii() and pin.isdigit()
    if not is_number or not PIN_LENGTH_MIN <= len(pin) <= PIN_LENGTH_MAX:
        raise PinInvalid
    steps = {int(second) - int(first) for first, second in pairwise(pin)}
    if steps in ({0}, {1}, {-1}):
        raise PinInvalid


def _composed(secret: str) -> str:
    """Return the secret in one Unicode form: two keyboards may send one character in two ways."""
    return unicodedata.normalize("NFC", secret)
