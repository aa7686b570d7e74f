"""API of people: tokens, the member who asks, members with roles, standing, PIN and card."""

from typing import Any
from uuid import UUID

import marshmallow as ma

from timebank.actors import Permission, Role
from timebank.people import cards, members, pins, sign_ins, tokens
from timebank.people.cards import IssuedCard
from timebank.people.members import MemberOrder, MemberPage
from timebank.people.models import NAME_LENGTH_MAX, ApiToken, Member, MemberCard, MemberStatus
from timebank.people.standing import Standing
from timebank.people.tokens import IssuedToken
from web.api import Args, Out, QueryArgs, area
from web.auth import allow, current_actor, current_standing, public
from web.fields import Choice, Date, Identifier, Phone, Secret, Text, WholeNumber
from web.security import limiter
from web.session import begin, reading

CODE_PATTERN = "^[A-Z0-9]{1,4}$"
PIN_PATTERN = "^[0-9]{4,6}$"
LIMIT_MAX = 200
TOKENS_PER_ADDRESS = "60/minute"


class TokenArgs(Args):
    """What a token is exchanged for."""

    phone = Phone(required=True)
    password = Secret(required=True)
    community = Text(required=True, length_min=1, length_max=4, pattern=CODE_PATTERN)
    name = Text(required=True, length_min=1, length_max=NAME_LENGTH_MAX)


class TokenOut(Out):
    """A token of the member who asks."""

    id = Identifier(required=True)
    name = ma.fields.String(required=True)
    created_at = ma.fields.AwareDateTime(required=True)
    expires_at = ma.fields.AwareDateTime(required=True)


class IssuedTokenOut(Out):
    """A new token; `token` is never shown again."""

    token = ma.fields.String(required=True)
    row = ma.fields.Nested(TokenOut, required=True, data_key="about")


class MemberOut(Out):
    """A member; balances are not here."""

    id = Identifier(required=True)
    number = ma.fields.String(required=True, attribute="volunteer_number")
    name = ma.fields.String(required=True)
    team = ma.fields.String(required=True)
    status = Choice(MemberStatus, required=True)
    joined_on = Date(required=True)


class MembersOut(Out):
    """A part of the list of members."""

    members = ma.fields.List(ma.fields.Nested(MemberOut), required=True)
    total_count = ma.fields.Integer(required=True)


class MeOut(Out):
    """The member who asks."""

    id = Identifier(required=True, attribute="member_id")
    number = ma.fields.String(required=True, attribute="volunteer_number")
    name = ma.fields.String(required=True)
    status = Choice(MemberStatus, required=True)
    community = ma.fields.String(required=True, attribute="community.code")
    roles = ma.fields.List(Choice(Role), required=True)


class MembersQuery(QueryArgs):
    """Search, order and part of the list."""

    search = Text(length_max=NAME_LENGTH_MAX, load_default="")
    order = Choice(MemberOrder, load_default=MemberOrder.NUMBER)
    limit = WholeNumber(minimum=1, maximum=LIMIT_MAX, load_default=50)
    offset = WholeNumber(minimum=0, maximum=1_000_000, load_default=0)


class AddMemberArgs(Args):
    """A new member; with phone and password also a sign-in."""

    id = Identifier(
        metadata={"description": "Made by the sender: sending it twice adds one member."}
    )
    name = Text(required=True, length_min=1, length_max=NAME_LENGTH_MAX)
    team = Text(length_max=members.TEAM_LENGTH_MAX, load_default="")
    phone = Phone()
    password = Secret()

    @ma.validates_schema
    def check_pair(self, data: dict[str, Any], **_: Any) -> None:
        """A sign-in needs both."""
        if ("phone" in data) != ("password" in data):
            raise ma.ValidationError("Give phone and password together.", "password")


class EditMemberArgs(Args):
    """Name and team."""

    name = Text(required=True, length_min=1, length_max=NAME_LENGTH_MAX)
    team = Text(required=True, length_max=members.TEAM_LENGTH_MAX)


class RolesArgs(Args):
    """All the roles the member is to hold."""

    roles = ma.fields.List(Choice(Role), required=True)


class RolesOut(Out):
    """The roles held now."""

    roles = ma.fields.List(Choice(Role), required=True)


class StandingArgs(Args):
    """A change of standing, with its reason."""

    action = Choice(list(members.STANDING_RULES), required=True)
    reason = Text(required=True, length_min=1, length_max=members.REASON_LENGTH_MAX)


class PinArgs(Args):
    """A new PIN."""

    pin = Text(required=True, length_min=4, length_max=6, pattern=PIN_PATTERN)


class CardOut(Out):
    """A card of a member."""

    id = Identifier(required=True)
    member_id = Identifier(required=True)
    version = ma.fields.Integer(required=True)
    digits = ma.fields.String(required=True)
    issued_at = ma.fields.AwareDateTime(required=True)
    revoked_at = ma.fields.AwareDateTime(required=True, allow_none=True)


class IssuedCardOut(Out):
    """A new card; `token` is the secret of its QR code and never shown again."""

    token = ma.fields.String(required=True)
    card = ma.fields.Nested(CardOut, required=True)


blueprint = area("people", "People: tokens, members, roles, cards")


# ---------------------------------------------------------------- tokens and the one who asks


@blueprint.route("/tokens", methods=["POST"])
@limiter.limit(TOKENS_PER_ADDRESS)
@public
@blueprint.arguments(TokenArgs)
@blueprint.response(201, IssuedTokenOut)
@blueprint.may_refuse(403, 404)
def issue_token(args: dict[str, Any]) -> IssuedToken:
    """Exchange phone number and password for a token that lasts 90 days."""
    with begin() as session:
        return tokens.issue_token(
            session,
            phone=args["phone"],
            password=args["password"],
            community_code=args["community"],
            name=args["name"],
        )


@blueprint.route("/tokens", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, TokenOut(many=True))
def list_tokens() -> list[ApiToken]:
    """List one's own tokens."""
    with reading() as session:
        return list(tokens.list_tokens(session, current_actor()))


@blueprint.route("/tokens/<uuid:token_id>", methods=["DELETE"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(204)
def revoke_token(token_id: UUID) -> None:
    """Revoke one of one's own tokens."""
    with begin() as session:
        tokens.revoke_token(session, current_actor(), token_id)


@blueprint.route("/me", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, MeOut)
def show_me() -> Standing:
    """Show who the token acts as."""
    return current_standing()


# ---------------------------------------------------------------- members


@blueprint.route("/members", methods=["GET"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.arguments(MembersQuery, location="query")
@blueprint.response(200, MembersOut)
def list_members(args: dict[str, Any]) -> MemberPage:
    """List the members of the community."""
    with reading() as session:
        return members.list_members(session, current_actor(), **args)


@blueprint.route("/members", methods=["POST"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.arguments(AddMemberArgs)
@blueprint.response(201, MemberOut)
@blueprint.leads_to("issue_card", member_id="id")
@blueprint.leads_to("set_roles", member_id="id")
def add_member(args: dict[str, Any]) -> Member:
    """Add a member with the next number and their accounts."""
    with begin() as session:
        member = members.add_member(
            session,
            current_actor(),
            name=args["name"],
            team=args["team"],
            member_id=args.get("id"),
        )
        if "phone" in args and member.person_id is None:
            sign_ins.give_sign_in(
                session,
                current_actor(),
                member.id,
                phone=args["phone"],
                password=args["password"],
            )
        return member


@blueprint.route("/members/<uuid:member_id>", methods=["GET"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.response(200, MemberOut)
def show_member(member_id: UUID) -> Member:
    """Show a member: oneself, or with `manage_members` anybody of the community."""
    with reading() as session:
        return members.show_member(session, current_actor(), member_id)


@blueprint.route("/members/<uuid:member_id>", methods=["PUT"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.arguments(EditMemberArgs)
@blueprint.response(200, MemberOut)
def edit_member(args: dict[str, Any], member_id: UUID) -> Member:
    """Change name and team."""
    with begin() as session:
        return members.edit_member(session, current_actor(), member_id, **args)


@blueprint.route("/members/<uuid:member_id>/roles", methods=["PUT"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.arguments(RolesArgs)
@blueprint.response(200, RolesOut)
def set_roles(args: dict[str, Any], member_id: UUID) -> dict[str, list[Role]]:
    """Let the member hold exactly these roles."""
    wanted = frozenset(args["roles"])
    with begin() as session:
        members.set_roles(session, current_actor(), member_id, roles=wanted)
    return {"roles": sorted(wanted)}


@blueprint.route("/members/<uuid:member_id>/standing", methods=["PUT"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.arguments(StandingArgs)
@blueprint.response(200, MemberOut)
def set_standing(args: dict[str, Any], member_id: UUID) -> Member:
    """Suspend, let return or let leave."""
    rule = members.STANDING_RULES[args["action"]]
    with begin() as session:
        return rule(session, current_actor(), member_id, reason=args["reason"])


@blueprint.route("/members/<uuid:member_id>/pin", methods=["PUT"])
@allow(Permission.SEE_OWN_RECORD)
@blueprint.arguments(PinArgs)
@blueprint.response(204)
def set_pin(args: dict[str, Any], member_id: UUID) -> None:
    """Set a PIN: one's own, or with `manage_members` a member's."""
    with begin() as session:
        pins.set_pin(session, current_actor(), member_id, pin=args["pin"])


@blueprint.route("/members/<uuid:member_id>/card", methods=["POST"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(201, IssuedCardOut)
def issue_card(member_id: UUID) -> IssuedCard:
    """Issue a card; the one before is revoked."""
    with begin() as session:
        return cards.issue_card(session, current_actor(), member_id)


@blueprint.route("/members/<uuid:member_id>/card", methods=["DELETE"])
@allow(Permission.MANAGE_MEMBERS)
@blueprint.response(200, CardOut)
def revoke_card(member_id: UUID) -> MemberCard:
    """Revoke a lost card."""
    with begin() as session:
        return cards.revoke_card(session, current_actor(), member_id)
