"""How the fund's states, checks and accounts are said; the values themselves are never shown."""

from typing import Final

from flask import Flask

from timebank.chart import GENERAL_FUND_NUMBER
from timebank.commons.models import DonationState, Method, ProjectState
from timebank.commons.spending_models import ExpenseState
from web.i18n import N_, say, yuan_figure

METHODS: Final = {Method.CASH: N_("cash"), Method.TRANSFER: N_("bank transfer")}
DONATION_STATES: Final = {
    DonationState.RECORDED: (N_("waits to be counted"), "wait"),
    DonationState.COUNTED: (N_("counted and booked"), "ok"),
    DonationState.REFUSED: (N_("not taken"), "no"),
    DonationState.REVERSED: (N_("taken back"), "no"),
}
PROJECT_STATES: Final = {
    ProjectState.PROPOSED: (N_("waits for approval"), "wait"),
    ProjectState.APPROVED: (N_("under way"), "ok"),
    ProjectState.REFUSED: (N_("not approved"), "no"),
    ProjectState.REPORTED: (N_("reported, waits to be closed"), "wait"),
    ProjectState.CLOSED: (N_("closed"), "none"),
}
EXPENSE_STATES: Final = {
    ExpenseState.ENTERED: (N_("waits to be released"), "wait"),
    ExpenseState.RELEASED: (N_("paid"), "ok"),
    ExpenseState.REFUSED: (N_("not paid"), "no"),
    ExpenseState.REVERSED: (N_("taken back"), "no"),
}
CHECKS: Final = {
    "month_is_over": N_("The month is over"),
    "lists_confirmed": N_("Every list of a service is confirmed"),
    "corrections_signed": N_("Every correction has its second signature"),
    "till_days_signed": N_("Every day of a till is closed and signed"),
    "reservations_settled": N_("No reservation is overdue"),
    "donations_counted": N_("Every donation of money is counted"),
    "expenses_released": N_("Every expense is released or refused"),
    "book_verified": N_("The whole book was checked after the month ended, and is in order"),
    "entries_sealed": N_("Every entry of the month is sealed"),
}
UNITS: Final = {
    "SERVICE": N_("Hours of service, in minutes"),
    "POINT": N_("Points"),
    "CNY": N_("Money, in yuan"),
    "GOODS": N_("Goods, in pieces"),
}
ACCOUNTS: Final = {
    "Issuance:Service": N_("served by volunteers"),
    "Members:Service": N_("on the record of members"),
    "Issuance:Points": N_("points given out"),
    "Members:Points": N_("points that members have"),
    "Shop:Redeemed": N_("points redeemed in the shop"),
    "Goods:Intake": N_("brought in"),
    "Goods:Stock": N_("on the shelf"),
    "Goods:Out": N_("handed out"),
    "Cash:Safe": N_("cash box of the shop"),
    "Income:Sales": N_("takings of the shop"),
    "Expenses:CashDifferences": N_("differences of the drawers"),
    "Fund:General": N_("General fund"),
    "Income:Donations:General": N_("donations to the general fund"),
}


def fund(number: int, name: str) -> str:
    """Return how a fund is called; the general one is called in the reader's language."""
    return say(N_("General fund"), {}) if number == GENERAL_FUND_NUMBER else name


def account(code: str, name: str = "") -> str:
    """Return what an account is, in words; its code where it has none."""
    known = ACCOUNTS.get(code)
    if known:
        return say(known, {})
    if name and code.startswith("Income:Donations:"):
        return say(N_("donations: %(fund)s"), {"fund": name})
    return name or code


def unit_amount(minor: int, commodity: str) -> str:
    """Return an amount of a statement: money with two decimals, everything else whole."""
    return yuan_figure(minor) if commodity == "CNY" else f"{minor:,}".replace("-", "−")


def init(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.globals.update(
        said_fund=fund,
        said_account=account,
        said_method=lambda method: say(METHODS[method], {}),
        said_check=lambda name: say(CHECKS[name], {}),
        said_unit=lambda commodity: say(UNITS[commodity], {}) if commodity in UNITS else commodity,
        donation_states=DONATION_STATES,
        project_states=PROJECT_STATES,
        expense_states=EXPENSE_STATES,
    )
    app.jinja_env.filters.update(unit_amount=unit_amount)
