"""The paper code: it proves no presence, so nothing comes of it without the leader's yes."""

import secrets
from datetime import timedelta

import pytest

from ledger import clock
from tests.service.world import SERVICE_DAY, World, local
from timebank.service import arrivals, checkin
from timebank.service.attendance import Waiting
from timebank.service.checkin import Press
from timebank.service.decide import Intent, Reason, Status
from timebank.service.models import Occasion

pytestmark = pytest.mark.databases("sqlite")


def test_the_poster_waits_for_the_leader(world: World, occasion: Occasion) -> None:
    path = arrivals.poster_path(world.session, world.leader, world.keys, occasion_id=occasion.id)
    with clock.at(local("9:00")):
        arrival = world.arrive(world.charlie, path.removeprefix("S/"))
        assert arrival.ticket is not None
        answer = checkin.check_in(
            world.session,
            world.actor(world.charlie),
            world.keys,
            ticket=arrival.ticket,
            press=Press(secrets.token_hex(8)),
        )

    assert (answer.status, answer.reason) == (Status.REVIEW, Reason.NEEDS_LEAD)
    assert world.row(world.charlie, occasion).needs_lead


def test_a_photographed_poster_earns_nothing_at_home(world: World, occasion: Occasion) -> None:
    path = arrivals.poster_path(world.session, world.leader, world.keys, occasion_id=occasion.id)
    code = path.removeprefix("S/")
    with clock.at(local("9:00")):
        ticket = world.arrive(world.charlie, code).ticket
        assert ticket is not None
        press = Press(secrets.token_hex(8), Intent.IN)
        checkin.check_in(
            world.session, world.actor(world.charlie), world.keys, ticket=ticket, press=press
        )
    marked = world.confirm(occasion, world.mark(world.charlie, occasion))
    with clock.at(local("9:00", SERVICE_DAY + timedelta(days=1))):
        next_day = world.arrive(world.charlie, code).preview

    assert [reason for _, reason in marked.waiting] == [Waiting.NEEDS_LEAD]
    assert world.minutes(world.charlie) == 0
    assert next_day is not None
    assert next_day.reason is Reason.CLOSED
