"""What the forms of the fund may say, and how their values reach the rules."""

import re
from typing import Any, Final
from uuid import UUID

import marshmallow as ma
from flask import request
from sqlalchemy.orm import Session

from timebank.actors import Actor
from timebank.commons.donations import Gift
from timebank.commons.expenses import Bill
from timebank.commons.models import (
    AMOUNT_FEN_MAX,
    LINES_MAX,
    NAME_LENGTH_MAX,
    NONCE_LENGTH_MAX,
    NOTE_LENGTH_MAX,
    PURPOSE_LENGTH_MAX,
    REASON_LENGTH_MAX,
    REPORT_LENGTH_MAX,
    Method,
)
from timebank.commons.pictures import add_picture
from timebank.commons.projects import BudgetLine, Plan
from timebank.commons.spending_models import INVOICE_LENGTH_MAX, PICTURES_MAX
from web.api import Args
from web.fields import Checkbox, Choice, Date, Lines, Problem, Text, WholeNumber, Yuan
from web.i18n import N_

VOLUNTEER_NUMBER_PATTERN: Final = "^[Vv]?[0-9]{1,8}$"
LINES_SHOWN: Final = 5
NUMBER_MAX: Final = 99_999_999


def _nonce() -> Text:
    return Text(required=True, length_min=1, length_max=NONCE_LENGTH_MAX)


def _name(label: str, **options: Any) -> Text:
    return Text(length_max=NAME_LENGTH_MAX, metadata={"label": label}, **options)


def _amount(label: str, **options: Any) -> Yuan:
    return Yuan(maximum=AMOUNT_FEN_MAX, metadata={"label": label}, **options)


def _member(label: str) -> Text:
    return Text(length_max=9, pattern=VOLUNTEER_NUMBER_PATTERN, metadata={"label": label})


def _fund() -> WholeNumber:
    return WholeNumber(
        minimum=1,
        maximum=NUMBER_MAX,
        required=True,
        metadata={"label": N_("Fund")},
    )


class FundForm(Args):
    """A restricted fund."""

    nonce = _nonce()
    name = _name(N_("Name of the fund"), required=True, length_min=1)
    purpose = Lines(
        required=True,
        length_min=1,
        length_max=PURPOSE_LENGTH_MAX,
        metadata={"label": N_("What its money may be spent on")},
    )


class DonationForm(Args):
    """Money that somebody gave."""

    nonce = _nonce()
    amount = _amount(N_("Amount in yuan"), required=True)
    method = Choice(Method, required=True, metadata={"label": N_("How the money came")})
    fund = _fund()
    received_on = Date(required=True, metadata={"label": N_("Day on which it came")})
    donor_name = _name(N_("Name of the donor"), load_default="")
    donor_number = _member(N_("Volunteer number of the donor"))
    may_be_named = Checkbox(metadata={"label": N_("The donor agrees to be named in public")})
    note = Text(
        length_max=NOTE_LENGTH_MAX, load_default="", metadata={"label": N_("What the donor said")}
    )


class ReasonForm(Args):
    """Why something is refused or taken back."""

    nonce = Text(length_max=NONCE_LENGTH_MAX, load_default="")
    reason = Text(
        required=True,
        length_min=1,
        length_max=REASON_LENGTH_MAX,
        metadata={"label": N_("Reason")},
    )


class _ProjectFields(Args):
    nonce = _nonce()
    title = _name(N_("What the project is called"), required=True, length_min=1)
    team = _name(N_("Which team does it"), required=True, length_min=1)
    purpose = Lines(
        required=True,
        length_min=1,
        length_max=PURPOSE_LENGTH_MAX,
        metadata={"label": N_("What it is good for")},
    )
    fund = _fund()


def _of_line(place: int, default: str | None) -> dict[str, Any]:
    """Return the options of a field of a line: the first line is needed."""
    return {"required": True} if place == 1 else {"load_default": default}


_LINES: Final[dict[str, ma.fields.Field[Any]]] = {
    name: field
    for place in range(1, LINES_MAX + 1)
    for name, field in (
        (f"line_{place}", _name(N_("What for"), **_of_line(place, ""))),
        (f"budget_{place}", _amount(N_("Amount in yuan"), **_of_line(place, None))),
    )
}


class ProjectForm(_ProjectFields.from_dict(_LINES, name="ProjectLines")):  # type: ignore[misc]  # made at run time
    """A project with the lines of its budget; a line without a name and an amount is left out."""

    @ma.validates_schema
    def check_lines(self, data: dict[str, Any], **_: Any) -> None:
        """Ask for the other half of a line."""
        problems: dict[str, list[str]] = {}
        for place in range(1, LINES_MAX + 1):
            title, budget_fen = data.get(f"line_{place}"), data.get(f"budget_{place}")
            if budget_fen is None and title:
                problems[f"budget_{place}"] = [Problem(N_("Please fill this in."))]
            if not title and budget_fen is not None:
                problems[f"line_{place}"] = [Problem(N_("Please fill this in."))]
        if problems:
            raise ma.ValidationError(problems)


class ExpenseForm(Args):
    """An invoice of a project."""

    nonce = _nonce()
    line = WholeNumber(
        required=True,
        minimum=1,
        maximum=LINES_MAX,
        metadata={"label": N_("Line of the budget")},
    )
    amount = _amount(N_("Amount in yuan"), required=True)
    payee = _name(N_("Who gets the money"), required=True, length_min=1)
    payee_number = _member(N_("Volunteer number of who gets it"))
    invoice_number = Text(
        required=True,
        length_min=1,
        length_max=INVOICE_LENGTH_MAX,
        metadata={"label": N_("Number of the invoice")},
    )
    spent_on = Date(required=True, metadata={"label": N_("Day on the invoice")})


class ReportForm(Args):
    """What came of a project."""

    report = Lines(
        required=True,
        length_min=1,
        length_max=REPORT_LENGTH_MAX,
        metadata={"label": N_("What came of it")},
    )


def gift(data: dict[str, Any]) -> Gift:
    """Return what was given."""
    return Gift(
        amount_fen=data["amount"],
        method=data["method"],
        received_on=data["received_on"],
        nonce=data["nonce"],
        fund_number=data["fund"],
        donor_name=data["donor_name"],
        donor_number=_number(data.get("donor_number")),
        may_be_named=data["may_be_named"],
        note=data["note"],
    )


def plan(data: dict[str, Any]) -> Plan:
    """Return what a team wants to do."""
    lines = (
        BudgetLine(data[f"line_{place}"], data[f"budget_{place}"])
        for place in range(1, LINES_MAX + 1)
        if data.get(f"line_{place}")
    )
    told = {name: data[name] for name in ("title", "team", "purpose", "nonce")}
    return Plan(**told, lines=tuple(lines), fund_number=data["fund"])


def bill(data: dict[str, Any], photo_id: UUID) -> Bill:
    """Return what was bought."""
    return Bill(
        line_no=data["line"],
        amount_fen=data["amount"],
        payee=data["payee"],
        invoice_number=data["invoice_number"],
        photo_id=photo_id,
        spent_on=data["spent_on"],
        nonce=data["nonce"],
        payee_number=_number(data.get("payee_number")),
    )


def sent_pictures(session: Session, actor: Actor) -> tuple[UUID, ...]:
    """Store the pictures that came with the form, as many as a report takes and one more."""
    contents = (file.read() for file in request.files.getlist("photo")[: PICTURES_MAX + 1])
    return tuple(add_picture(session, actor, content=content).id for content in contents if content)


def has_picture() -> bool:
    """Tell whether a picture came with the form."""
    file = request.files.get("photo")
    return bool(file and file.filename)


def _number(text: str | None) -> int | None:
    """Return 7 for V0007."""
    return int(re.sub("[Vv]", "", text)) if text else None
