"""A sealer killed at any statement leaves a whole chain, and the next one goes on."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.verification import verify
from tests.ledger.makers import World, move
from tests.ledger.test_seal import ITEMS_AT_START, check_chain, seal_all

ROOT = Path(__file__).parent.parent.parent
POSTS_A_ROUND = 2
STATEMENTS_MAX = 200
STEP = {"sqlite": 4, "postgresql": 1}
"""SQLite counts each statement inside a trigger too: every fourth is enough to meet each kind."""


def _run_until_killed(world: World, count: int) -> bool:
    """Run a sealer that kills itself at its `count`-th statement; return whether it did."""
    url = world.database.url.render_as_string(hide_password=False)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.ledger.killed_sealer"),
            *(url, str(world.community_id), str(count)),
        ],
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode in (0, -signal.SIGKILL)
    return ended.returncode != 0


@pytest.mark.databases("sqlite", "postgresql")
def test_the_next_run_goes_on_wherever_the_sealer_was_killed(own_world: World) -> None:
    kind = "sqlite" if own_world.database.is_sqlite else "postgresql"
    seal_all(own_world)
    posted_count = killed_count = 0
    for count in range(1, STATEMENTS_MAX, STEP[kind]):
        own_world.post_many(
            [move(own_world.issuance, own_world.alice, 1) for _ in range(POSTS_A_ROUND)]
        )
        posted_count += POSTS_A_ROUND
        is_killed = _run_until_killed(own_world, count)
        killed_count += is_killed
        # Whole after the kill, as far as it got; and whole again when the next one has come by.
        assert check_chain(own_world) <= ITEMS_AT_START + posted_count
        if not is_killed:
            break
        seal_all(own_world)
        assert check_chain(own_world) == ITEMS_AT_START + posted_count
        assert own_world.holds(own_world.issuance) == -posted_count

    assert killed_count > 5
    assert check_chain(own_world) == ITEMS_AT_START + posted_count
    with own_world.database.reading() as session:
        assert verify(session, own_world.community_id) == []
