"""Refusals of commendations and certificates.

NotFound    unknown_certificate   unknown or forged: the two answer alike
NotAllowed  own_commendation      nobody commends themselves
            own_certificate       nobody revokes their own certificate
Refused     no_star_rule          no table of stars was in force on that day
            evidence_changed      the book moved since the dry run
            not_eligible          a chosen member gets nothing by the rule
            already_revoked       a certificate is revoked once
            rule_start_taken      a newer table starts on that day or later
Invalid     wrong_period          the period ends before it starts, or in the future
            wrong_thresholds      not one to five rising numbers of minutes
            wrong_rule_start      a table cannot start in the past
            nobody_chosen         nothing to issue
            too_many_chosen       more than one sitting can check
            revocation_reason_missing   a revocation says why
            revocation_reason_too_long  longer than the register's column
            notes_too_long        longer than the paper's row
"""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused


class UnknownCertificate(NotFound):
    """No such certificate, or its signature is not ours."""

    code = "unknown_certificate"
    message = N_("We did not issue a certificate with this number and code.")


class OwnCommendation(NotAllowed):
    """The issuer is among those chosen."""

    code = "own_commendation"
    message = N_("Nobody issues a commendation to themselves. Please ask a colleague.")


class OwnCertificate(NotAllowed):
    """The holder tries to revoke."""

    code = "own_certificate"
    message = N_("Nobody revokes their own certificate. Please ask a colleague.")


class NoStarRule(Refused):
    """No version of the star table had started; details: on."""

    code = "no_star_rule"
    message = N_("No table of stars is in force on %(on)s. Release one first.")


class EvidenceChanged(Refused):
    """The book, the rule or the member list moved since the dry run."""

    code = "evidence_changed"
    message = N_("The book has changed since this list was made. Please look at the new list.")


class NotEligible(Refused):
    """A chosen member is not on the shortlist; details: volunteer_number, reason."""

    code = "not_eligible"
    message = N_("%(volunteer_number)s is not on the shortlist. Nothing was issued.")


class AlreadyRevoked(Refused):
    """The certificate was revoked before; details: number, revoked_on."""

    code = "already_revoked"
    message = N_("%(number)s was already revoked on %(revoked_on)s.")


class RuleStartTaken(Refused):
    """A version that starts on that day or later exists; details: starts_on, last_starts_on."""

    code = "rule_start_taken"
    message = N_(
        "A table that starts on %(last_starts_on)s exists. "
        "A new one must start after that day, not on %(starts_on)s."
    )


class WrongPeriod(Invalid):
    """The period is empty or not over; details: period_from, period_to, today."""

    code = "wrong_period"
    message = N_(
        "The period must run forward and end today (%(today)s) at the latest: "
        "%(period_from)s to %(period_to)s."
    )


class WrongThresholds(Invalid):
    """Details: count_max, minutes_max."""

    code = "wrong_thresholds"
    message = N_(
        "Give one to %(count_max)s rising numbers of minutes, each from 1 to %(minutes_max)s."
    )


class WrongRuleStart(Invalid):
    """A table starts today at the earliest; details: starts_on, today."""

    code = "wrong_rule_start"
    message = N_("A table starts today (%(today)s) at the earliest, not on %(starts_on)s.")


class NobodyChosen(Invalid):
    """The list of members is empty."""

    code = "nobody_chosen"
    message = N_("Nobody is ticked. Tick at least one person.")


class TooManyChosen(Invalid):
    """Details: count, count_max."""

    code = "too_many_chosen"
    message = N_("%(count)s people are ticked; at most %(count_max)s at once.")


class RevocationReasonMissing(Invalid):
    """A revocation needs a reason that the public page can show."""

    code = "revocation_reason_missing"
    message = N_("Please write why. The reason is shown to everyone who checks the certificate.")


class RevocationReasonTooLong(Invalid):
    """Details: length, length_max."""

    code = "revocation_reason_too_long"
    message = N_("The reason has %(length)s characters; at most %(length_max)s.")


class NotesTooLong(Invalid):
    """Details: length, length_max."""

    code = "notes_too_long"
    message = N_("The notes have %(length)s characters; at most %(length_max)s.")
