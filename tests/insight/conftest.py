"""The story of a small book, told into every database."""

import pytest

from ledger.database import Database
from tests.insight.scene import Scene, make_scene
from tests.insight.story import Story, tell
from timebank.codes import CodeKeys
from timebank.settings import Settings


@pytest.fixture
def story(database: Database, keys: CodeKeys) -> Story:
    with database.begin() as session:
        return tell(session, keys)


@pytest.fixture
def scene(database: Database, settings: Settings) -> Scene:
    return make_scene(database, settings)
