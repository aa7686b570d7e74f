"""What the till's day and the safe refuse, and what they say then. Amounts stand in yuan."""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused

# ---------------------------------------------------------------- counting


class CountInvalid(Invalid):
    """Pieces of a note or coin are out of range, or the note is none."""

    code = "cash_count_invalid"
    message = N_("Of each note and coin there are 0 to %(pieces_max)s pieces.")


class DrawerDiffers(Refused):
    """What was counted is not what the book says, and nobody has said so yet."""

    code = "drawer_differs"
    message = N_(
        "The drawer should hold %(expected)s yuan, %(counted)s were counted: %(difference)s."
        " Count once more; if it stays so, write the reason."
    )


class DifferenceReasonInvalid(Invalid):
    """A difference carries its reason."""

    code = "difference_reason_invalid"
    message = N_("Please say in 1 to %(length_max)s characters why the drawer differs.")


class LeftInvalid(Invalid):
    """More is left in the drawer than lies in it."""

    code = "left_invalid"
    message = N_("%(left)s yuan cannot stay in the drawer: %(counted)s were counted.")


class CashShort(Refused):
    """The place that pays holds less."""

    code = "cash_short"
    message = N_("%(needed)s yuan are needed, %(available)s are there.")


# ---------------------------------------------------------------- the day


class TillDayNotFound(NotFound):
    """No such day of a till in this community."""

    code = "till_day_not_found"
    message = N_("There is no such day of a till here.")


class TillNotOpen(Refused):
    """Cash is taken once the day was opened with a counted drawer."""

    code = "till_not_open"
    message = N_("Till %(till_number)s is not open today. Count the drawer and open it first.")


class TillOpen(Refused):
    """A day is opened once."""

    code = "till_open"
    message = N_("Till %(till_number)s was already opened today by %(name)s.")


class TillClosed(Refused):
    """What was counted and closed stays."""

    code = "till_closed"
    message = N_(
        "Till %(till_number)s was closed at %(closed_at)s by %(name)s. It opens again tomorrow."
    )


class TillLeftOpen(Refused):
    """An earlier day was never closed."""

    code = "till_left_open"
    message = N_("Till %(till_number)s is still open from %(day_on)s. Close that day first.")


class TillStillOpen(Refused):
    """Only a closed day is signed."""

    code = "till_still_open"
    message = N_("Till %(till_number)s is still open. Close the day before it is signed.")


class SignerClosed(NotAllowed):
    """The second person is another one."""

    code = "signer_closed"
    message = N_("You closed this day, so somebody else must sign it.")


class AlreadySigned(Refused):
    """A day is signed once."""

    code = "already_signed"
    message = N_("This day was already signed by %(name)s.")


# ---------------------------------------------------------------- the safe


class AmountInvalid(Invalid):
    """Money that moves is an amount."""

    code = "cash_amount_invalid"
    message = N_("Enter an amount from 0.01 to %(amount_max)s yuan.")


class NoteInvalid(Invalid):
    """Money that comes in or goes out says what it is for."""

    code = "cash_note_invalid"
    message = N_("Please say in 1 to %(length_max)s characters what the money is for.")


class SafeMoveNotFound(NotFound):
    """No such move of money in this community."""

    code = "safe_move_not_found"
    message = N_("There is no such move of money here.")


class ProposerDecides(NotAllowed):
    """Money moves by two people."""

    code = "proposer_decides"
    message = N_("You entered this, so somebody else must count the money and confirm.")


class AlreadyDecided(Refused):
    """A move is confirmed or declined once."""

    code = "safe_move_decided"
    message = N_("%(name)s has already decided this.")
