"""A community that the API's tests meet: a service day, goods on the shelf, people, one token.

The clock stands at two minutes before nine on the service day. Gu holds every role; Charlie is
signed up and has points, Dora is a volunteer, Bob leads the day, all of them in community D. Frieda
belongs to community A.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from ledger.database import Database
from tests.makers import SignIn, make_community, make_member, make_sign_in
from tests.shop.makers import World as Shop
from tests.shop.makers import give_points, make_item
from tests.web.service_pages import Day, at, make_day
from timebank.actors import Actor, Role
from timebank.people import cards, organisations, tokens
from timebank.people.models import Member
from timebank.people.tokens import IssuedToken
from timebank.shop import photos
from timebank.shop.goods import ItemDetails, edit_item

PREFIX = "/api/v1"
POINTS = 500
NOW = at("8:58")

Call = Callable[..., TestResponse]


@dataclass(frozen=True)
class Neighbourhood:
    """Who and what there is."""

    day: Day
    gu: Member
    frieda: Member
    card: str
    photo_path: str
    item_numbers: tuple[int, ...]
    tokens: dict[str, str]

    @property
    def app(self) -> Flask:
        return self.day.app

    @property
    def database(self) -> Database:
        return self.day.database

    @cached_property
    def ids(self) -> dict[str, str]:
        """Return real ids by the name of the field or path parameter that takes them."""
        return {
            "member_id": str(self.day.people["dora"].id),
            "leader_member_id": str(self.day.people["bob"].id),
            "occasion_id": str(self.day.occasion_id),
            "slot_id": str(self.day.slot_id),
            "site_id": str(self.day.site_id),
            "attendance_id": str(self.day.row("charlie").id),
        }

    def caller(self, name: str = "gu", *, language: str = "en") -> Call:
        """Return a function that sends requests of the API as one of the people."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}", "Accept-Language": language}
        client: FlaskClient = self.app.test_client()

        def call(method: str, path: str, **options: Any) -> TestResponse:
            sent = {**headers, **options.pop("headers", {})}
            return client.open(f"{PREFIX}{path}", method=method, headers=sent, **options)

        return call


def make_neighbourhood(app: Flask, database: Database) -> Neighbourhood:
    """Make everything, through the rules of real use."""
    day = make_day(app, database)
    with database.begin() as session:
        community = organisations.get_community(session, day.people["bob"].community_id)
        community.pin_above_points = community.redeem_points_per_day_max  # a day without a PIN
        gu = make_member(session, community, "顾新", *Role)
        frieda = make_member(session, make_community(session, code="A"), "樊明", *Role)
        charlie = day.people["charlie"]
        system = Actor.system(community.community_id, "test")
        card = cards.issue_card(session, system, charlie.id).card.digits
        shop = Shop(community, charlie, card, day.people["dora"], gu, gu, system)
        give_points(session, shop, charlie, POINTS)
        numbers = tuple(
            make_item(session, shop, name=f"布艺杯垫 {place}", price=2, pieces=90).number
            for place in range(5)
        )
        photo_path = _photo(session, shop, numbers[0])
        held = {
            "gu": _token(session, make_sign_in(session, gu), "D"),
            "frieda": _token(session, make_sign_in(session, frieda), "A"),
            **{name: _token(session, day.signs[name], "D") for name in ("bob", "charlie", "dora")},
        }
    return Neighbourhood(day, gu, frieda, card, photo_path, numbers, held)


def issue_token(home: Neighbourhood) -> IssuedToken:
    """Issue one more token to Dora."""
    with home.database.begin() as session:
        who = home.day.signs["dora"]
        return tokens.issue_token(
            session, phone=who.phone, password=who.password, community_code="D", name="short"
        )


def basket(home: Neighbourhood, *, quantity: object = 1, **changes: Any) -> dict[str, Any]:
    """Return the body of a redemption of five goods by Charlie's card."""
    lines = [{"item_number": number, "quantity": quantity} for number in home.item_numbers]
    return {"nonce": secrets.token_hex(8), "holder": home.card, "lines": lines, **changes}


def ticket(home: Neighbourhood) -> str:
    """Return what a phone holds that has just opened the venue code."""
    path = home.day.code_path().removeprefix("/S/")
    return str(home.caller("charlie")("GET", f"/venue-codes/{path}").get_json()["ticket"])


def _photo(session: Session, shop: Shop, item_number: int) -> str:
    """Put a picture on goods and return where it is served."""
    file = BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, "PNG")
    photo = photos.add_photo(session, shop.clerk, content=file.getvalue())
    details = ItemDetails(name="布艺杯垫", photo_id=photo.id)
    edit_item(session, shop.clerk, item_number=item_number, details=details)
    return f"/photos/{photo.community_id}/{photo.id}"


def _token(session: Session, who: SignIn, code: str) -> str:
    issued = tokens.issue_token(
        session, phone=who.phone, password=who.password, community_code=code, name="test"
    )
    return issued.token
