"""Fixtures of the service days."""

import pytest
from sqlalchemy.orm import Session

from tests.service.world import World, make_world
from timebank.codes import CodeKeys
from timebank.service.models import Occasion


@pytest.fixture
def world(session: Session, keys: CodeKeys) -> World:
    return make_world(session, keys)


@pytest.fixture
def occasion(world: World) -> Occasion:
    """The service day, with Charlie on the list."""
    planned = world.plan()
    world.enrol(planned, world.charlie)
    return planned
