"""Every test of the shop happens at noon on a Friday, in a fresh community."""

from collections.abc import Iterator

import pytest

from ledger import clock
from tests.books import Furniture
from tests.shop.makers import NOON, World, make_world


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def furniture() -> Furniture:
    return Furniture("shop", make_world)


@pytest.fixture
def world(furnished: World) -> World:
    return furnished
