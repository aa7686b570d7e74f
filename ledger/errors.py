"""Refusals: what the system says when it will not do a thing.

    Refusal
    ├── NotFound    404   it is not there, or it is another community's
    ├── NotAllowed  403   the actor may not
    ├── Refused     409   a rule forbids it in the present state
    └── Invalid     422   the input itself is wrong

The leaves of the kernel stand below their parents; `timebank/errors.py` holds those of the areas.

Each leaf has a stable `code` (snake_case, documented) and an English `message` template whose
fields come from `details`. The web translates the template, then fills in the details; the code and
the details go to the API as they are.
"""

from typing import Any, ClassVar


def N_(template: str) -> str:  # noqa: N802  # the name that catalog extraction looks for
    """Mark a message template for the translation catalog; returns it unchanged."""
    return template


class Refusal(Exception):
    """Parent of the four kinds; `details` holds JSON values only."""

    status: ClassVar[int]
    code: ClassVar[str]
    message: ClassVar[str]

    def __init__(self, **details: Any) -> None:
        """Keep the facts that the message names."""
        self.details = details
        super().__init__(self.message % details if details else self.message)


class NotFound(Refusal):
    """It is not there, or it belongs to another community (the two answer alike)."""

    status = 404
    code = "not_found"
    message = N_("There is nothing here.")


class NotAllowed(Refusal):
    """The actor's roles do not permit it."""

    status = 403
    code = "not_allowed"
    message = N_("You are not allowed to do this.")


class Refused(Refusal):
    """A rule forbids it in the present state."""

    status = 409
    code = "refused"
    message = N_("This cannot be done now.")


class Invalid(Refusal):
    """The input itself is wrong."""

    status = 422
    code = "invalid"
    message = N_("Please check what was entered.")


class Unavailable(Refused):
    """The database cannot answer at this moment; the same request may be sent again."""

    status = 503
    code = "unavailable"
    message = N_("The book cannot be reached at the moment. Please try again.")


class Busy(Unavailable):
    """Another session held a lock for too long."""

    code = "busy"
    message = N_("The book is busy. Please try again.")


class UnknownAccount(NotFound):
    """A leg names an account that is not in this book."""

    code = "unknown_account"
    message = N_("There is no account %(account_id)s in this book.")


class UnknownTransaction(NotFound):
    """The transaction is not in this book."""

    code = "unknown_transaction"
    message = N_("There is no transaction %(transaction_id)s in this book.")


class BalanceTooLow(Refused):
    """The account may not fall below its floor; `available_minor` is what may still leave it."""

    code = "balance_too_low"
    message = N_("%(account)s: needs %(needed_minor)s, %(available_minor)s available.")


class BalanceTooHigh(Refused):
    """The account may not rise above its ceiling; `available_minor` is what may still enter it."""

    code = "balance_too_high"
    message = N_("%(account)s: %(needed_minor)s to enter, room for %(available_minor)s.")


class AccountClosed(Refused):
    """The account takes no more postings."""

    code = "account_closed"
    message = N_("Account %(account)s is closed.")


class PeriodClosed(Refused):
    """The books are closed through a day; nothing is dated on it or before it any more."""

    code = "period_closed"
    message = N_(
        "The books are closed through %(closed_through_on)s: %(occurred_on)s is too early."
    )


class PeriodUnchanged(Refused):
    """A period is closed further on, and reopened further back."""

    code = "period_unchanged"
    message = N_("The books are closed through %(closed_through_on)s already.")


class AccountDiffers(Refused):
    """The account exists, and one of its facts is not the one asked for."""

    code = "account_differs"
    message = N_("Account %(account)s already exists with another %(field)s.")


class KeyReused(Refused):
    """The idempotency key already stands for a different request."""

    code = "key_reused"
    message = N_("This key was already used with another %(field)s.")


class AlreadyReversed(Refused):
    """A transaction is reversed once."""

    code = "already_reversed"
    message = N_("Transaction %(transaction_id)s is already reversed.")


class IsReversal(Refused):
    """A reversal is not reversed again."""

    code = "is_reversal"
    message = N_("Transaction %(transaction_id)s is itself a reversal.")


class HoldResolved(Refused):
    """A hold is posted, voided or expired once."""

    code = "hold_resolved"
    message = N_("Hold %(transaction_id)s is already resolved.")


class HoldExpired(Refused):
    """From its last moment on a hold can only expire."""

    code = "hold_expired"
    message = N_("Hold %(transaction_id)s expired at %(expires_at)s.")


class HoldNotExpired(Refused):
    """Before its last moment a hold does not expire; it can be voided."""

    code = "hold_not_expired"
    message = N_("Hold %(transaction_id)s runs until %(expires_at)s.")


class MoreThanHeld(Refused):
    """A leg of a hold is posted in its own direction, up to what was held."""

    code = "more_than_held"
    message = N_("%(held_minor)s is held, %(amount_minor)s was asked for.")


class IsHold(Refused):
    """A hold and what resolves it are not reversed; an open hold is voided."""

    code = "is_hold"
    message = N_("Transaction %(transaction_id)s is a hold or ends one; it cannot be reversed.")


class SealOvertaken(Refused):
    """Another sealer wrote this block first."""

    code = "seal_overtaken"
    message = N_("Block %(block_no)s is already sealed.")


class Unbalanced(Invalid):
    """The legs of one commodity do not sum to zero."""

    code = "unbalanced"
    message = N_("The %(commodity)s legs sum to %(sum_minor)s, not to zero.")


class TooFewLegs(Invalid):
    """A transaction has at least two legs."""

    code = "too_few_legs"
    message = N_("A transaction needs %(count_min)s legs, this one has %(count)s.")


class TooManyLegs(Invalid):
    """A transaction has at most a thousand legs."""

    code = "too_many_legs"
    message = N_("A transaction takes %(count_max)s legs, this one has %(count)s.")


class AmountOutOfRange(Invalid):
    """An amount is a whole number of smallest units, not zero, and not beyond the limit."""

    code = "amount_out_of_range"
    message = N_("%(amount)s is not a whole amount between 1 and %(amount_max)s, in or out.")


class NarrationTooLong(Invalid):
    """A narration is one short paragraph."""

    code = "narration_too_long"
    message = N_("The narration has %(length)s characters, at most %(length_max)s fit.")


class TextOutOfRange(Invalid):
    """A text is missing, too long, or holds a character that the database cannot keep."""

    code = "text_out_of_range"
    message = N_("%(field)s must be a text of 1 to %(length_max)s printable characters.")


class KindReserved(Invalid):
    """Reversals and holds have calls of their own."""

    code = "kind_reserved"
    message = N_("A transaction of kind %(kind)s cannot be posted directly.")


class ReasonRequired(Invalid):
    """A reversal, a closing and a reopening say why."""

    code = "reason_required"
    message = N_("A correction or closing needs a reason.")


class ExpiryInvalid(Invalid):
    """A hold ends after it begins."""

    code = "expiry_invalid"
    message = N_("A hold must expire after %(recorded_at)s.")


class BoundsInvalid(Invalid):
    """Only a bounded account has bounds; zero lies between them."""

    code = "bounds_invalid"
    message = N_("The bounds of account %(account)s do not hold zero between them.")


def refusal(code: str, details: dict[str, Any]) -> Refusal:
    """Return the kernel's refusal of a code, as the database names it."""
    return _BY_CODE[code](**details)


_BY_CODE: dict[str, type[Refusal]] = {
    leaf.code: leaf
    for leaf in (
        UnknownAccount,
        UnknownTransaction,
        BalanceTooLow,
        BalanceTooHigh,
        AccountClosed,
        AlreadyReversed,
        IsReversal,
        IsHold,
        Unbalanced,
        PeriodClosed,
        PeriodUnchanged,
        HoldResolved,
        HoldExpired,
        HoldNotExpired,
        MoreThanHeld,
        SealOvertaken,
    )
}
