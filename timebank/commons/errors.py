"""Refusals of the community fund; each has a stable code, the facts, and a sentence."""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused

# ---------------------------------------------------------------- what is not there


class FundNotFound(NotFound):
    """No fund with this number in this community."""

    code = "fund_not_found"
    message = N_("There is no such fund here.")


class MoneyDonationNotFound(NotFound):
    """No such donation of money in this community."""

    code = "money_donation_not_found"
    message = N_("There is no such donation here.")


class ProjectNotFound(NotFound):
    """No project with this number in this community."""

    code = "project_not_found"
    message = N_("There is no such project here.")


class ExpenseNotFound(NotFound):
    """No such expense in this community."""

    code = "expense_not_found"
    message = N_("There is no such expense here.")


# ---------------------------------------------------------------- two people


class PersonNeeded(NotAllowed):
    """Money is moved by people, never by the system."""

    code = "person_needed"
    message = N_("A signed-in person has to do this.")


class OwnDonation(NotAllowed):
    """Nobody records or counts their own donation."""

    code = "own_donation"
    message = N_("This is your own donation. Somebody else must take it in.")


class AnotherMustCount(NotAllowed):
    """Who recorded a donation does not count it."""

    code = "another_must_count"
    message = N_("You recorded this donation; somebody else has to count it.")


class AnotherMustApprove(NotAllowed):
    """Who proposed a project does not approve it."""

    code = "another_must_approve"
    message = N_("You proposed this project; somebody else has to approve it.")


class AnotherMustRelease(NotAllowed):
    """Who entered an expense does not release it."""

    code = "another_must_release"
    message = N_("You entered this expense; somebody else has to release it.")


class PayeeNeverReleases(NotAllowed):
    """Who is paid does not release the expense."""

    code = "payee_never_releases"
    message = N_("This money goes to you; somebody else has to release it.")


class AnotherMustReverse(NotAllowed):
    """Who counted or released something does not take it back."""

    code = "another_must_reverse"
    message = N_("You confirmed this yourself; somebody else has to take it back.")


class AnotherMustClose(NotAllowed):
    """Who wrote the report of a project does not close it."""

    code = "another_must_close"
    message = N_("You wrote this report; somebody else has to close the project.")


# ---------------------------------------------------------------- money


class AmountInvalid(Invalid):
    """An amount is at least one fen."""

    code = "amount_invalid"
    message = N_("An amount of money is 0.01 to %(yuan_max)s yuan.")


class FundShort(Refused):
    """A fund has less than the budget asks for."""

    code = "fund_short"
    message = N_("%(fund)s: the budget needs %(needed)s yuan, %(available)s yuan are there.")


class OverBudget(Refused):
    """An expense goes beyond its line."""

    code = "over_budget"
    message = N_("%(line)s: this needs %(needed)s yuan, %(left)s yuan of the line are left.")


class AlreadySpent(Refused):
    """A donation cannot be taken back any more: the money went on."""

    code = "already_spent"
    message = N_("%(needed)s yuan would have to go back, only %(available)s yuan are still there.")


# ---------------------------------------------------------------- states


class AlreadyDecided(Refused):
    """It was confirmed, refused or taken back before."""

    code = "already_decided"
    message = N_("This was already decided; load the page again to see how.")


class NotCounted(Refused):
    """There is no receipt before somebody else has counted the money."""

    code = "not_counted"
    message = N_("There is a receipt once a second person has counted the money.")


class NothingToReverse(Refused):
    """Only what was counted or released can be taken back, and once."""

    code = "nothing_to_reverse"
    message = N_("Only what was booked can be taken back, and only once.")


class ProjectNotOpen(Refused):
    """The project does not take this step now."""

    code = "project_not_open"
    message = N_("Project %(project)s is not at the step at which this is done.")


class ExpensesWait(Refused):
    """A project is reported once every expense is released or refused."""

    code = "expenses_wait"
    message = N_("%(count)s expenses still wait to be released or refused.")


class InvoiceUsed(Refused):
    """An invoice is paid once."""

    code = "invoice_used"
    message = N_("Invoice %(invoice)s was already entered, in project %(project)s.")


# ---------------------------------------------------------------- what was typed


class FundTextInvalid(Invalid):
    """A text is missing or too long."""

    code = "fund_text_invalid"
    message = N_("%(field)s must have %(length_min)s to %(length_max)s characters.")


class BudgetInvalid(Invalid):
    """A budget has one to twelve lines."""

    code = "budget_invalid"
    message = N_("A budget has 1 to %(lines_max)s lines.")


class DayToCome(Invalid):
    """Money is not received or spent on a day to come."""

    code = "day_to_come"
    message = N_("%(day)s has not come yet.")


class PicturesInvalid(Invalid):
    """A report takes some pictures."""

    code = "pictures_invalid"
    message = N_("A report takes at most %(pictures_max)s pictures.")
