"""The world of the rewards tests, at a fixed moment."""

from collections.abc import Iterator

import pytest

from ledger import clock
from tests.books import Furniture
from tests.rewards.world import NOW, World, make_world


@pytest.fixture(autouse=True)
def _at_noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def furniture() -> Furniture:
    return Furniture("rewards", make_world)


@pytest.fixture
def world(furnished: World) -> World:
    return furnished
