"""The services that are over, also those of which nothing stands in the book."""

from datetime import timedelta

import pytest

from ledger import clock
from tests.service.world import SERVICE_DAY, World, local
from timebank.service import attended as past
from timebank.service.attendance import Mark
from timebank.service.attended import attended
from timebank.service.errors import NotHere
from timebank.service.models import AttendanceState


def test_a_service_without_an_entry_is_listed(world: World) -> None:
    seen, missed = world.plan(), world.plan(on=SERVICE_DAY + timedelta(days=1))
    for occasion in (seen, missed):
        world.enrol(occasion, world.charlie)
    world.serve(world.charlie, seen)
    world.confirm(seen, world.mark(world.charlie, seen))
    world.confirm(missed, world.mark(world.charlie, missed, Mark.NOT_SEEN))

    with clock.at(local("12:30", missed.occurs_on)):
        page = attended(world.session, world.actor(world.charlie))
        others = attended(world.session, world.actor(world.dora))

    states = [line.row.state for line in page.lines]
    assert states == [AttendanceState.NO_SHOW, AttendanceState.POSTED]
    assert others.lines == []


def test_older_services_follow_the_cursor_of_ones_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PAGE_MAX", 2)
    for days in range(3):
        occasion = world.plan(on=SERVICE_DAY + timedelta(days=days))
        world.enrol(occasion, world.charlie)
    charlie = world.actor(world.charlie)

    with clock.at(local("12:30", SERVICE_DAY + timedelta(days=5))):
        first = attended(world.session, charlie)
        rest = attended(world.session, charlie, before=first.next_cursor)
        with pytest.raises(NotHere):
            attended(world.session, world.actor(world.dora), before=first.next_cursor)

    assert [len(first.lines), len(rest.lines), rest.next_cursor] == [2, 1, None]
    assert not {line.row.id for line in first.lines} & {line.row.id for line in rest.lines}
