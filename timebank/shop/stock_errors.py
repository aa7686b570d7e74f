"""What the rules of the stock refuse: single pieces, workshops, stocktakes, stock moves."""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused

# ---------------------------------------------------------------- intake


class SinglePiece(Refused):
    """There is never more than one of a single piece."""

    code = "single_piece"
    message = N_("%(item_name)s is a single piece: a second one is goods of its own.")


class MakerDiffers(Refused):
    """Goods with one maker are not exchanged by another."""

    code = "maker_differs"
    message = N_(
        "%(item_name)s has another maker. Please take these pieces in as goods of their own."
    )


class TitleInvalid(Invalid):
    """Title or place of a workshop is missing or too long."""

    code = "title_invalid"
    message = N_("Title and place have 1 to %(length_max)s characters.")


class DayInFuture(Invalid):
    """What is recorded has happened."""

    code = "day_in_future"
    message = N_("%(on)s has not come yet.")


class RowsInvalid(Invalid):
    """A workshop or a file has at least one row, and not too many."""

    code = "rows_invalid"
    message = N_("Please enter 1 to %(rows_max)s rows.")


class RowRepeats(Invalid):
    """The same maker stands in two rows of one session."""

    code = "row_repeats"
    message = N_("%(volunteer)s stands in two rows. Please write all pieces in one of them.")


class BatchNotFound(NotFound):
    """No such session or file in this community."""

    code = "batch_not_found"
    message = N_("There is no such session or file here.")


# ---------------------------------------------------------------- stocktakes


class StocktakeNotFound(NotFound):
    """No such stocktake in this community."""

    code = "stocktake_not_found"
    message = N_("There is no such stocktake here.")


class StocktakeOpen(Refused):
    """One stocktake at a time."""

    code = "stocktake_open"
    message = N_("Another stocktake is open. Please close it or call it off first.")


class StocktakeEnded(Refused):
    """Closed or called off before."""

    code = "stocktake_ended"
    message = N_("This stocktake has ended. Nothing was changed now.")


class NotOnShelf(Refused):
    """The goods belong to another shelf than the one that is counted."""

    code = "not_on_shelf"
    message = N_("%(item_name)s belongs to shelf “%(shelf)s”, not to the one that is counted.")


class CountInvalid(Invalid):
    """Pieces counted are a whole number."""

    code = "count_invalid"
    message = N_("The count must be a whole number from %(count_min)s to %(count_max)s.")


class ClosedByAnother(NotAllowed):
    """Fresh eyes close a stocktake."""

    code = "closed_by_another"
    message = N_("You opened this stocktake or counted in it. Somebody else must close it.")


class NothingCounted(Refused):
    """A stocktake without a count says nothing."""

    code = "nothing_counted"
    message = N_("Nothing has been counted yet.")


class CountAgain(Refused):
    """Sold, brought in or reserved away since it was counted."""

    code = "count_again"
    message = N_("%(item_name)s moved since it was counted. Please count it again.")


class DifferenceChanged(Refused):
    """The difference is not the one that was shown."""

    code = "difference_changed"
    message = N_("%(item_name)s: the difference is now %(difference)s. Please look again.")


class DifferenceNeedsReason(Invalid):
    """Each difference says why."""

    code = "difference_needs_reason"
    message = N_("%(item_name)s: please write why %(difference)s pieces differ.")


class PiecesReserved(Refused):
    """Some of the pieces are put by for members."""

    code = "pieces_reserved"
    message = N_("%(item_name)s: %(need)s to be taken off, %(have)s are free; others are reserved.")


# ---------------------------------------------------------------- stock moves


class MoveNotFound(NotFound):
    """No such stock move in this community."""

    code = "move_not_found"
    message = N_("There is no such stock move here.")


class MoveDecided(Refused):
    """Confirmed or declined before."""

    code = "move_decided"
    message = N_("This was decided before. Nothing was changed now.")


class ConfirmedByAnother(NotAllowed):
    """Two people take valuable pieces off the shelf."""

    code = "confirmed_by_another"
    message = N_("You proposed this, so somebody else must confirm it.")


class RecipientInvalid(Invalid):
    """A gift says to whom; nothing else does."""

    code = "recipient_invalid"
    message = N_(
        "A gift names its household in 1 to %(length_max)s characters; other moves name none."
    )


class MoveNotReversible(Refused):
    """Only what was done is taken back, and once."""

    code = "move_not_reversible"
    message = N_("Only pieces that have left the shelf can be put back, and only once.")
