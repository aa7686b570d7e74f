"""Fixtures of the duty rosters; the clock stands at the time of planning."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from ledger import clock
from tests.duty.world import Duty, make_duty
from tests.service.world import SIGN_UP_TIME
from timebank.codes import CodeKeys


@pytest.fixture
def duty(session: Session, keys: CodeKeys) -> Iterator[Duty]:
    made = make_duty(session, keys)
    with clock.at(SIGN_UP_TIME):
        yield made
