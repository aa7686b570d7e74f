"""The story of a small book, told into every database."""

import pytest

from ledger.database import Database
from tests.insight.story import Story, tell
from timebank.codes import CodeKeys


@pytest.fixture
def story(database: Database, keys: CodeKeys) -> Story:
    with database.begin() as session:
        return tell(session, keys)
