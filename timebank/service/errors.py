"""What service days refuse, and why.

    NotFound     not_found          no such site, series, occasion, slot or row in this community
    NotAllowed   own_row            nobody confirms, accepts or corrects their own row
                 second_person      who wrote the time by hand is not who confirms it
                 own_proposal       who proposed a correction does not decide about it
                 not_proposer       nobody else withdraws it
    Refused      full, overlap, suspended, too_late, occasion_over, occasion_cancelled,
                 nothing_to_withdraw, still_here, row_settled, nonce_reused, has_attendance,
                 not_settled, correction_open, correction_decided, correction_outdated,
                 nothing_to_correct, points_spent, dispute_open, dispute_answered,
                 already_came, occasion_settled, day_taken, series_over, places_taken,
                 on_the_list, places_free, queue_full, too_late_to_wait, nothing_to_leave,
                 already_reviewed, not_qualified
    Invalid      wrong_recurrence, never_occurs, wrong_field, wrong_times, wrong_line,
                 unknown_person, not_one_person, not_a_leader

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


class NotQualified(Refused):
    """The series asks for a qualification that is valid on the day."""

    code = "not_qualified"
    message = N_("%(name)s has no valid qualification for %(title)s on that day.")


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
    message = N_("%(title)s cannot be called off: people have already checked in (%(count)s).")


class AlreadyCame(Refused):
    """An occasion where somebody has checked in stays on its day."""

    code = "already_came"
    message = N_("%(title)s cannot be moved: people have already checked in (%(count)s).")


class OccasionSettled(Refused):
    """The list was confirmed; the occasion is history."""

    code = "occasion_settled"
    message = N_("%(title)s has been settled and can no longer be changed.")


class DayTaken(Refused):
    """A series has one occasion on a day; the day that one was moved from counts too."""

    code = "day_taken"
    message = N_("%(title)s already has a day on %(on)s, or one that was moved from there.")


class SeriesOver(Refused):
    """The series has ended."""

    code = "series_over"
    message = N_("%(title)s has ended: there are no more days from %(ended_on)s on.")


class PlacesTaken(Refused):
    """Fewer places than people on the list."""

    code = "places_taken"
    message = N_("People on the list: %(enrolled)s. Places: %(capacity)s, which is too few.")


class OnTheList(Refused):
    """Who is on the list does not wait for it."""

    code = "on_the_list"
    message = N_("You are already on the list of %(title)s.")


class PlacesFree(Refused):
    """There is nothing to wait for."""

    code = "places_free"
    message = N_("There are free places (%(free)s): sign up instead of waiting.")


class QueueFull(Refused):
    """The queue is so long that nobody behind it would get a place."""

    code = "queue_full"
    message = N_("%(count)s people are waiting already.")


class TooLateToWait(Refused):
    """No place is given by itself any more."""

    code = "too_late_to_wait"
    message = N_("Free places were given to those who wait until %(until)s.")


class NothingToLeave(Refused):
    """The member never waited here."""

    code = "nothing_to_leave"
    message = N_("You are not waiting for a place at %(title)s.")


class NeverOccurs(Invalid):
    """The RRULE has no day."""

    code = "never_occurs"
    message = N_("This repetition has no day in the ten years from %(starts_on)s on.")


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


class WrongDay(WrongField):
    """The day lies outside what can be planned; details: field, first, last, expected."""

    code = "wrong_day"
    message = N_("Choose a day from %(first)s to %(last)s.")


class WrongTimes(Invalid):
    """Begin and end do not fit each other, the day or the slot."""

    code = "wrong_times"
    message = N_("The times %(times)s cannot be used: expected %(expected)s.")


class WrongClock(WrongTimes):
    """What was typed is no time of day; details: times, field."""

    message = N_("“%(times)s” is not a time of day. Write times like 9:00 or 21:30.")


class PastTime(WrongTimes):
    """A time that has gone by already; details: times, now."""

    message = N_("%(times)s has gone by already: it is %(now)s now.")


class FutureTime(WrongTimes):
    """A time that is written in before it has come; details: times, now."""

    message = N_("%(times)s is still to come: it is %(now)s now. Write it in once it is over.")


class WrongLength(WrongTimes):
    """A slot is too short or too long; details: times, hours, minutes, expected."""

    code = "wrong_length"
    message = N_(
        "%(times)s would last %(hours)s h %(minutes)s min (an end before the beginning is on the"
        " next day). A time slot lasts from 15 minutes to 12 hours."
    )


class WrongLeave(WrongTimes):
    """A time of leaving outside slot and stay; details: name, times, expected."""

    message = N_("%(name)s cannot have left at %(times)s: expected %(expected)s.")


class NoLeave(WrongTimes):
    """Who left early has a time of leaving; details: name, expected."""

    message = N_("When did %(name)s leave? Type a time within %(expected)s.")


class UnknownPerson(Invalid):
    """A row of a paper sheet names nobody."""

    code = "unknown_person"
    message = N_("No volunteer has the number or name %(typed)s.")


class NotOnePerson(Invalid):
    """A row of a paper sheet names several people."""

    code = "not_one_person"
    message = N_("%(count)s people are called %(typed)s: please write the volunteer number.")


class SameService(Refused):
    """The same activity stands there already: a form sent twice makes one service."""

    code = "same_service"
    message = N_("%(title)s is already planned there for that day and time.")


class WrongLine(Invalid):
    """One row of a paper sheet cannot be written; its cause says why."""

    code = "wrong_line"
    message = N_("Row %(number)s cannot be written in.")


class NotALeader(Invalid):
    """Only a leader or a social worker runs an occasion."""

    code = "not_a_leader"
    message = N_("%(name)s cannot lead a service: the role of leader is missing.")


# ---------------------------------------------------------------- corrections and disputes


class OwnProposal(NotAllowed):
    """A correction takes two people."""

    code = "own_proposal"
    message = N_("You proposed this correction; somebody else decides about it.")


class NotProposer(NotAllowed):
    """Only who proposed takes a proposal back."""

    code = "not_proposer"
    message = N_("Somebody else proposed this correction; you can refuse it with a reason.")


class NotCome(Refused):
    """Who has not checked in cannot have been seen at it."""

    code = "not_come"
    message = N_("%(name)s has not checked in yet.")


class NotSettled(Refused):
    """The row still waits for its list to be confirmed."""

    code = "not_settled"
    message = N_("The list has not been confirmed yet. Please tell the leader what is wrong.")


class CorrectionOpen(Refused):
    """One proposal is decided before the next is made."""

    code = "correction_open"
    message = N_("A correction of this row is already proposed and waits for a decision.")


class CorrectionDecided(Refused):
    """A proposal is decided once."""

    code = "correction_decided"
    message = N_("This correction has already been decided.")


class CorrectionOutdated(Refused):
    """The row has changed since the proposal was made."""

    code = "correction_outdated"
    message = N_("The row of %(name)s has changed since this was proposed. Please propose anew.")


class NothingToCorrect(Refused):
    """The proposal says what stands in the book already."""

    code = "nothing_to_correct"
    message = N_("This is what the row of %(name)s says already.")


class PointsSpent(Refused):
    """What a correction takes back was spent in the meantime."""

    code = "points_spent"
    message = N_(
        "The correction takes back %(need)s points, but %(name)s has %(have)s left: the others are "
        "spent or reserved. Nothing was changed."
    )


class DisputeOpen(Refused):
    """One question is answered before the next is asked."""

    code = "dispute_open"
    message = N_("You have already asked about this row; the answer is on its way.")


class DisputeAnswered(Refused):
    """A question is answered once."""

    code = "dispute_answered"
    message = N_("This question has already been answered.")
