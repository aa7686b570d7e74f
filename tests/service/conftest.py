"""Fixtures of the service days."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.books import Furniture
from tests.service.world import World, make_world
from timebank.codes import CodeKeys
from timebank.service.models import Occasion


@pytest.fixture
def furniture(request: pytest.FixtureRequest, keys: CodeKeys) -> Furniture:
    """The people and, where it is asked for, the service day with Charlie on the list."""
    if "occasion" not in request.fixturenames:
        return Furniture("service", lambda session: make_world(session, keys))

    def make(session: Session) -> World:
        world = make_world(session, keys)
        world.enrol(world.plan(), world.charlie)
        return world

    return Furniture("service day", make)


@pytest.fixture
def world(furnished: World) -> World:
    return furnished


@pytest.fixture
def occasion(world: World) -> Occasion:
    """The service day, with Charlie on the list."""
    return world.session.scalars(select(Occasion)).one()
