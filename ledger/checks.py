"""What the kernel refuses before it asks the database: one function per thing that is handed in.

The database makes every one of these checks again, for those who do not come through Python.
"""

from typing import Any

from ledger.errors import (
    AmountOutOfRange,
    BoundsInvalid,
    KindReserved,
    NarrationTooLong,
    ReasonRequired,
    TextOutOfRange,
    TooFewLegs,
    TooManyLegs,
)
from ledger.records import Draft
from ledger.schema import (
    AMOUNT_MINOR_MAX,
    CODE_LENGTH_MAX,
    COMMODITY_LENGTH_MAX,
    IDEMPOTENCY_KEY_LENGTH_MAX,
    KIND_LENGTH_MAX,
    LEG_COUNT_MAX,
    LEG_COUNT_MIN,
    NARRATION_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    TransactionKind,
)

_RESERVED = {
    TransactionKind.REVERSAL,
    TransactionKind.HOLD,
    TransactionKind.HOLD_POST,
    TransactionKind.HOLD_VOID,
    TransactionKind.HOLD_EXPIRE,
}


def check_draft(draft: Draft) -> None:
    """Refuse a draft that is wrong in itself, whatever the book holds.

    Raises:
        KindReserved: a reversal or a hold (`kind_reserved`).
        Invalid: as `check_legs` and `check_texts`.
    """
    check_legs(draft, LEG_COUNT_MAX)
    if draft.kind in _RESERVED:
        raise KindReserved(kind=str(draft.kind))
    check_texts(draft)


def check_legs(draft: Draft, count_max: int) -> None:
    """Refuse legs that no transaction can have.

    Raises:
        TooFewLegs: fewer than two (`too_few_legs`).
        TooManyLegs: more than `count_max` (`too_many_legs`).
        AmountOutOfRange: not an integer, zero, or beyond 10^15 (`amount_out_of_range`).
    """
    if len(draft.legs) < LEG_COUNT_MIN:
        raise TooFewLegs(count=len(draft.legs), count_min=LEG_COUNT_MIN)
    if len(draft.legs) > count_max:
        raise TooManyLegs(count=len(draft.legs), count_max=count_max)
    for leg in draft.legs:
        _check_amount(leg.amount_minor)


def check_texts(draft: Draft) -> None:
    """Refuse texts that the book cannot keep.

    Raises:
        NarrationTooLong: more than 500 characters (`narration_too_long`).
        TextOutOfRange: another text is missing, too long or not storable (`text_out_of_range`).
    """
    _check_text("kind", draft.kind, KIND_LENGTH_MAX)
    _check_text("idempotency_key", draft.idempotency_key, IDEMPOTENCY_KEY_LENGTH_MAX)
    _check_text("actor", draft.actor, REFERENCE_LENGTH_MAX)
    _check_text("source", draft.source, REFERENCE_LENGTH_MAX)
    _check_narration("narration", draft.narration)


def check_reason(reason: str) -> None:
    """Refuse a reversal or an act without a reason.

    Raises:
        ReasonRequired: nothing but space (`reason_required`).
        NarrationTooLong: more than 500 characters (`narration_too_long`).
        TextOutOfRange: not storable (`text_out_of_range`).
    """
    if not reason.strip():
        raise ReasonRequired
    _check_narration("reason", reason)


def check_account(
    code: str, commodity: str, is_bounded: bool, bounds: tuple[int | None, int | None]
) -> None:
    """Refuse an account that could never be posted to.

    Args:
        code: colon path.
        commodity: what it holds.
        is_bounded: whether it has a balance row.
        bounds: floor and ceiling.

    Raises:
        TextOutOfRange: code or commodity (`text_out_of_range`).
        BoundsInvalid: bounds of an unbounded account, or zero not between them (`bounds_invalid`).
    """
    _check_text("code", code, CODE_LENGTH_MAX)
    _check_text("commodity", commodity, COMMODITY_LENGTH_MAX)
    floor_minor, ceiling_minor = bounds
    if not is_bounded and bounds != (None, None):
        raise BoundsInvalid(account=code)
    if not -AMOUNT_MINOR_MAX <= (floor_minor or 0) <= 0 <= (ceiling_minor or 0) <= AMOUNT_MINOR_MAX:
        raise BoundsInvalid(account=code)


def check_actor(actor: str) -> None:
    """Refuse an act by nobody.

    Raises:
        TextOutOfRange: missing, too long or not storable (`text_out_of_range`).
    """
    _check_text("actor", actor, REFERENCE_LENGTH_MAX)


def _check_amount(amount_minor: Any) -> None:
    # `type(...) is int` and not isinstance: True is an int too, and 1.0 would be rounded in
    # silence.
    if type(amount_minor) is not int or not 1 <= abs(amount_minor) <= AMOUNT_MINOR_MAX:
        raise AmountOutOfRange(amount=str(amount_minor), amount_max=AMOUNT_MINOR_MAX)


def _check_narration(field: str, text: str) -> None:
    if len(text) > NARRATION_LENGTH_MAX:
        raise NarrationTooLong(length=len(text), length_max=NARRATION_LENGTH_MAX)
    if not _is_storable(text):
        raise TextOutOfRange(field=field, length_max=NARRATION_LENGTH_MAX)


def _check_text(field: str, text: str, length_max: int) -> None:
    if not 1 <= len(text) <= length_max or not _is_storable(text):
        raise TextOutOfRange(field=field, length_max=length_max)


def _is_storable(text: str) -> bool:
    """PostgreSQL keeps no NUL, and half a surrogate pair has no UTF-8 form."""
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False
