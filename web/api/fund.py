"""API of the fund: funds, donations of money, pictures of invoices and reports. Money is in fen."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask_smorest.fields import Upload

from timebank.actors import Permission
from timebank.commons import donations, funds, pictures, reversals
from timebank.commons.donations import Gift
from timebank.commons.models import (
    AMOUNT_FEN_MAX,
    NAME_LENGTH_MAX,
    NOTE_LENGTH_MAX,
    PURPOSE_LENGTH_MAX,
    REASON_LENGTH_MAX,
    DonationState,
    Fund,
    Method,
    MoneyDonation,
)
from timebank.commons.spending_models import FundReversal
from timebank.shop.models import Photo
from web.api import Args, Out, area
from web.api.goods import nonce, number
from web.auth import allow, current_actor
from web.fields import Checkbox, Choice, Date, Identifier, Lines, Text, WholeNumber
from web.session import begin, keys, reading


def fen(**options: Any) -> WholeNumber:
    """Return the field of an amount of money in fen."""
    return WholeNumber(minimum=1, maximum=AMOUNT_FEN_MAX, **options)


def name(**options: Any) -> Text:
    """Return the field of a short name that has to be there."""
    return Text(required=True, length_min=1, length_max=NAME_LENGTH_MAX, **options)


def reason() -> Text:
    """Return the field of a reason."""
    return Text(required=True, length_min=1, length_max=REASON_LENGTH_MAX)


class FundArgs(Args):
    """A restricted fund; its purpose never changes."""

    nonce = nonce()
    name = name()
    purpose = Lines(required=True, length_min=1, length_max=PURPOSE_LENGTH_MAX)


class FundOut(Out):
    """A fund; number 1 is the general one."""

    id = Identifier(required=True)
    number = ma.fields.Integer(required=True)
    name = ma.fields.String(required=True)
    purpose = ma.fields.String(required=True)
    is_restricted = ma.fields.Boolean(required=True)


class FundBalanceOut(Out):
    """A fund with what lies in it; what was set apart for projects is not in it."""

    fund = ma.fields.Nested(FundOut, required=True)
    balance_fen = ma.fields.Integer(required=True)


class MoneyDonationArgs(Args):
    """Money that somebody gave."""

    nonce = nonce()
    amount_fen = fen(required=True)
    method = Choice(Method, required=True)
    received_on = Date(required=True)
    fund_number = number(load_default=1)
    donor_name = Text(length_max=NAME_LENGTH_MAX, load_default="")
    donor_number = number(
        load_default=None, metadata={"description": "7 stands for volunteer V0007."}
    )
    may_be_named = Checkbox(load_default=False)
    note = Text(length_max=NOTE_LENGTH_MAX, load_default="")


class MoneyDonationOut(Out):
    """A donation of money; `shown_name` is what the public may read."""

    id = Identifier(required=True)
    fund_id = Identifier(required=True)
    amount_fen = ma.fields.Integer(required=True)
    method = Choice(Method, required=True)
    shown_name = ma.fields.String(required=True)
    received_on = Date(required=True)
    state = Choice(DonationState, required=True)
    recorded_by_id = Identifier(required=True)
    decided_by_id = Identifier(required=True, allow_none=True)
    decision_reason = ma.fields.String(required=True)
    receipt_number = ma.fields.Integer(required=True, allow_none=True)
    transaction_id = Identifier(required=True, allow_none=True)


class FundReasonArgs(Args):
    """Why something is refused."""

    reason = reason()


class FundReversalArgs(Args):
    """Why something is taken back."""

    nonce = nonce()
    reason = reason()


class FundReversalOut(Out):
    """That a donation or an expense was taken back, and why."""

    id = Identifier(required=True)
    reason = ma.fields.String(required=True)
    reversed_by_id = Identifier(required=True)
    reversed_at = ma.fields.AwareDateTime(required=True)
    transaction_id = Identifier(required=True)


class FundPictureArgs(Args):
    """A picture of an invoice or for a report."""

    photo = Upload(required=True)


class FundPictureOut(Out):
    """A stored picture."""

    id = Identifier(required=True)
    width = ma.fields.Integer(required=True)
    height = ma.fields.Integer(required=True)


blueprint = area("fund", "The fund: donations of money, restricted funds, pictures")


@blueprint.route("/funds", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, FundBalanceOut(many=True))
def list_funds() -> list[funds.FundBalance]:
    """List the funds with what lies in them."""
    with reading() as session:
        return funds.list_funds(session, current_actor())


@blueprint.route("/funds", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.arguments(FundArgs)
@blueprint.response(201, FundOut)
def open_fund(args: dict[str, Any]) -> Fund:
    """Open a restricted fund."""
    with begin() as session:
        return funds.open_fund(session, current_actor(), **args)


@blueprint.route("/money-donations", methods=["GET"])
@allow(Permission.RECEIVE_MONEY)
@blueprint.response(200, MoneyDonationOut(many=True))
def list_money_donations() -> list[MoneyDonation]:
    """List the newest donations, those that wait to be counted first."""
    with reading() as session:
        return [each.donation for each in donations.list_donations(session, current_actor())]


@blueprint.route("/money-donations", methods=["POST"])
@allow(Permission.RECEIVE_MONEY)
@blueprint.arguments(MoneyDonationArgs)
@blueprint.response(201, MoneyDonationOut)
@blueprint.leads_to("count_money_donation", donation_id="id")
@blueprint.leads_to("refuse_money_donation", donation_id="id")
def record_money_donation(args: dict[str, Any]) -> MoneyDonation:
    """Record a donation; somebody else counts it."""
    with begin() as session:
        return donations.record(session, current_actor(), keys(), gift=Gift(**args))


@blueprint.route("/money-donations/<uuid:donation_id>/count", methods=["POST"])
@allow(Permission.RECEIVE_MONEY)
@blueprint.response(200, MoneyDonationOut)
def count_money_donation(donation_id: UUID) -> MoneyDonation:
    """Say that the money is there: it is booked and gets its receipt number."""
    with begin() as session:
        return donations.count(session, current_actor(), donation_id=donation_id)


@blueprint.route("/money-donations/<uuid:donation_id>/refuse", methods=["POST"])
@allow(Permission.RECEIVE_MONEY)
@blueprint.arguments(FundReasonArgs)
@blueprint.response(200, MoneyDonationOut)
def refuse_money_donation(args: dict[str, Any], donation_id: UUID) -> MoneyDonation:
    """Say that the money is not there as recorded."""
    with begin() as session:
        return donations.refuse(session, current_actor(), donation_id=donation_id, **args)


@blueprint.route("/money-donations/<uuid:donation_id>/reverse", methods=["POST"])
@allow(Permission.RELEASE_MONEY)
@blueprint.arguments(FundReversalArgs)
@blueprint.response(201, FundReversalOut)
def reverse_money_donation(args: dict[str, Any], donation_id: UUID) -> FundReversal:
    """Take a counted donation back."""
    with begin() as session:
        return reversals.reverse_donation(session, current_actor(), donation_id=donation_id, **args)


@blueprint.route("/fund-pictures", methods=["POST"])
@allow(Permission.RUN_PROJECT)
@blueprint.arguments(FundPictureArgs, location="files")
@blueprint.response(201, FundPictureOut)
def add_fund_picture(files: dict[str, Any]) -> Photo:
    """Store a picture of an invoice or for a report."""
    content = files["photo"].read()
    with begin() as session:
        return pictures.add_picture(session, current_actor(), content=content)
