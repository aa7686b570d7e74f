"""What duty rosters refuse, and why.

    NotAllowed   own_swap           nobody agrees to a swap of their own shift
    Refused      not_a_shift        a series that is no duty shift
                 shift_length       a shift shorter than two or longer than four hours
                 series_in_roster   a series stands in one roster at a time
                 cannot_take        a member cannot take a shift, with the reason
                 shift_full         nobody more is put on a shift
                 not_on_shift       who is to be taken off, or hands a shift on, is not on it
                 swap_open          one question per shift at a time
                 swap_closed        the swap was decided before
                 swap_over          the shift has begun
    Invalid      nothing_to_plan    no series, no members, or no planned days

`not_found` and `wrong_field` are those of service days.
"""

from ledger.errors import N_, Invalid, NotAllowed, Refused


class OwnSwap(NotAllowed):
    """Nobody decides about their own shift."""

    code = "own_swap"
    message = N_("A swap of your own has to be agreed to by another leader or the social worker.")


class NotAShift(Refused):
    """Rosters plan duty shifts only."""

    code = "not_a_shift"
    message = N_("%(title)s is not a duty shift. Plan it as one first.")


class ShiftLength(Refused):
    """A shift is two to four hours long."""

    code = "shift_length"
    message = N_("%(title)s takes %(minutes)s minutes; a shift takes %(min)s to %(max)s.")


class SeriesInRoster(Refused):
    """One roster plans a series at a time."""

    code = "series_in_roster"
    message = N_("%(title)s is already in the roster %(roster)s for some of these days.")


REASONS = {
    "not_active": N_("%(name)s is suspended or has left."),
    "qualification": N_("%(name)s has no valid qualification for this shift on that day."),
    "never": N_("%(name)s can never come at this time of the week."),
    "overlap": N_("%(name)s is somewhere else at that time."),
    "rest": N_("%(name)s would have too little rest before or after."),
    "daily_cap": N_("%(name)s would serve too long on that day."),
    "weekly_max": N_("%(name)s already has as many shifts this week as they want at most."),
    "on_the_list": N_("%(name)s is on the list of this shift already."),
}


class CannotTake(Refused):
    """The member cannot take the shift; `reason` is one of `Obstacle`, or `on_the_list`."""

    code = "cannot_take"
    message = N_("%(name)s cannot take this shift.")

    def __init__(self, *, name: str, reason: str) -> None:
        """Say the reason in its own words."""
        super().__init__(name=name, reason=reason)
        self.message = REASONS[reason]  # type: ignore[misc]  # each reason has a sentence


class ShiftFull(Refused):
    """All places of the slot are taken."""

    code = "shift_full"
    message = N_("All %(capacity)s places of this shift are taken.")


class NotOnShift(Refused):
    """The member is not on this shift, or no longer."""

    code = "not_on_shift"
    message = N_("%(name)s is not on this shift any more. Please look at it again.")


class SwapOpen(Refused):
    """A shift is offered once at a time."""

    code = "swap_open"
    message = N_("You have already asked for somebody to take this shift.")


class SwapClosed(Refused):
    """Somebody was faster, or it was taken back."""

    code = "swap_closed"
    message = N_("This swap is no longer open: somebody was faster, or it was taken back.")


class SwapOver(Refused):
    """Nothing is swapped after the begin."""

    code = "swap_over"
    message = N_("%(title)s began at %(began)s; it can no longer be swapped.")


class NothingToPlan(Invalid):
    """Series, members or days are missing."""

    code = "nothing_to_plan"
    message = N_("Choose at least one duty shift and one member.")
