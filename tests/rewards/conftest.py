"""The world of the rewards tests, at a fixed moment."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from tests.rewards.world import NOW, World, make_world


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def world(session: Session) -> World:
    return make_world(session)
