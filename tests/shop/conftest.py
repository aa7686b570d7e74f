"""Every test of the shop happens at noon on a Friday, in a fresh community."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from tests.shop.makers import NOON, World, make_world


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def world(session: Session) -> World:
    return make_world(session)
