"""What service days refuse, and why.

    NotFound     not_found          no such site, series, occasion, slot or row in this community
    NotAllowed   own_row            nobody confirms, accepts or corrects their own row
                 second_person      who wrote the time by hand is not who confirms it
    Refused      full, overlap, suspended, too_late, occasion_over, occasion_cancelled,
                 nothing_to_withdraw, still_here, row_settled, nonce_reused, has_attendance,
                 already_reviewed
    Invalid      wrong_recurrence, wrong_field, wrong_times, wrong_line, not_a_leader

The answers of a scan are not here: each is recorded and returned, see `decide`.
"""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused


class NotHere(NotFound):
    """The thing named is not in this community."""

    message = N_("This is not there, or it belongs to another community.")


class OwnRow(NotAllowed):
    """Nobody decides about their own time."""

    code = "own_row"
    message = N_("Your own row has to be confirmed by somebody else.")


class SecondPerson(NotAllowed):
    """Time written by hand takes two people."""

    code = "second_person"
    message = N_("You wrote this time in by hand; somebody else has to confirm it.")


class Full(Refused):
    """No place is left."""

    code = "full"
    message = N_("All %(capacity)s places are taken.")


class Overlap(Refused):
    """One person cannot be in two places."""

    code = "overlap"
    message = N_("This overlaps with %(other)s, %(times)s.")


class Suspended(Refused):
    """The member takes no part at present."""

    code = "suspended"
    message = N_("%(name)s is suspended at present and cannot take part.")


class TooLate(Refused):
    """Withdrawing has ended."""

    code = "too_late"
    message = N_("Withdrawing was possible until %(until)s. Please tell %(leader)s.")


class OccasionOver(Refused):
    """Signing up has ended."""

    code = "occasion_over"
    message = N_("%(title)s began at %(began)s. Come along and scan the code on site to join.")


class OccasionCancelled(Refused):
    """It was called off."""

    code = "occasion_cancelled"
    message = N_("%(title)s has been called off.")


class NothingToWithdraw(Refused):
    """The member is not signed up, or has already come."""

    code = "nothing_to_withdraw"
    message = N_("There is no sign-up to withdraw for %(title)s.")


class StillHere(Refused):
    """A row cannot be settled while the person is serving."""

    code = "still_here"
    message = N_("%(name)s is still checked in until %(ends)s. Mark them as left early first.")


class RowSettled(Refused):
    """The row has gone to the book or was closed; only a correction changes it."""

    code = "row_settled"
    message = N_("The row of %(name)s has already been settled.")


class NonceReused(Refused):
    """A nonce names one scan; it came again for another one."""

    code = "nonce_reused"
    message = N_("This form was already used for another service. Please open the page again.")


class HasAttendance(Refused):
    """An occasion where somebody has checked in is not called off."""

    code = "has_attendance"
    message = N_("%(count)s people have already checked in at %(title)s; it cannot be called off.")


class AlreadyReviewed(Refused):
    """Somebody has decided about this scan, or a later one explained it."""

    code = "already_reviewed"
    message = N_("This scan has already been decided about.")


class WrongRecurrence(Invalid):
    """The RRULE is not one that we plan by."""

    code = "wrong_recurrence"
    message = N_("The repetition cannot be used: please check %(part)s.")


class WrongField(Invalid):
    """One field was filled in wrongly."""

    code = "wrong_field"
    message = N_("%(field)s must be within %(expected)s.")


class WrongTimes(Invalid):
    """Begin and end do not fit each other, the day or the slot."""

    code = "wrong_times"
    message = N_("The times %(times)s cannot be used: expected %(expected)s.")


class WrongLine(Invalid):
    """One row of a paper sheet cannot be written; its cause says why."""

    code = "wrong_line"
    message = N_("Row %(number)s cannot be written in.")


class NotALeader(Invalid):
    """Only a leader or a social worker runs an occasion."""

    code = "not_a_leader"
    message = N_("%(name)s cannot lead a service: the role of leader is missing.")
