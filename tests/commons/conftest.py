"""Every test of the fund happens at noon on a Friday, in a fresh community."""

from collections.abc import Iterator

import pytest

from ledger import clock
from tests.books import Furniture
from tests.commons.makers import World, make_world
from tests.shop.makers import NOON


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def furniture() -> Furniture:
    return Furniture("commons", make_world)


@pytest.fixture
def world(furnished: World) -> World:
    return furnished
