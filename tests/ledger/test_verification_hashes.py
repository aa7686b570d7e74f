"""The fast form of the hashes, which verification uses, gives what their definition gives."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.database import Database
from ledger.hashing import LAYERS, content_hash, integer_bytes, length_bytes, request_hash
from ledger.records import Draft, Leg, Links
from ledger.verification.entries import Hasher
from ledger.verification.rows import PostgresqlRows, Raw, Row, Rows, rows_of
from tests.ledger.makers import World

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
SERVER_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
DRAFTS = st.builds(
    Draft,
    kind=TEXTS,
    legs=st.lists(
        st.builds(Leg, st.uuids(), st.integers(-(10**15), 10**15), is_pending=st.booleans()),
        min_size=2,
        max_size=5,
    ).map(tuple),
    occurred_on=st.dates(date(1, 1, 1)),
    idempotency_key=TEXTS,
    actor=TEXTS,
    source=TEXTS,
    narration=TEXTS,
)
LINKS = st.builds(Links, st.none() | st.uuids(), st.none() | st.uuids(), st.none() | MOMENTS)


class Raws:
    """Values as a database hands them out."""

    def __init__(self, rows: Rows) -> None:
        self.is_server = isinstance(rows, PostgresqlRows)

    def key(self, key: UUID | None) -> Raw:
        if key is None:
            return None
        return key.bytes if self.is_server else key.hex

    def moment(self, moment: datetime | None) -> Raw:
        if moment is None:
            return None
        if self.is_server:
            since = moment - SERVER_EPOCH
            seconds = since.days * 86_400 + since.seconds
            return integer_bytes(seconds * 1_000_000 + since.microseconds)
        return moment.isoformat(timespec="microseconds")

    def day(self, day: date) -> Raw:
        if self.is_server:
            return (day - SERVER_EPOCH.date()).days.to_bytes(4, "big", signed=True)
        return day.isoformat()


def _header(raws: Raws, id_: UUID, recorded_at: datetime, draft: Draft, links: Links) -> Row:
    return (
        *(raws.key(id_), None, None, None, None, draft.kind, len(draft.legs)),
        *(raws.day(draft.occurred_on), raws.moment(recorded_at), raws.key(links.reverses_id)),
        *(raws.key(links.resolves_id), raws.moment(links.expires_at), draft.idempotency_key),
        *(b"", b"", draft.actor, draft.source, draft.narration),
    )


def test_both_forms_give_the_same_hashes(world: World) -> None:
    database: Database = world.database

    @given(st.uuids(), MOMENTS, DRAFTS, LINKS)
    def check(id_: UUID, recorded_at: datetime, draft: Draft, links: Links) -> None:
        legs = [
            length_bytes(25) + leg.account_id.bytes + integer_bytes(leg.amount_minor)
            + LAYERS[leg.is_pending]
            for leg in draft.legs
        ]  # fmt: skip
        header = _header(raws, id_, recorded_at, draft, links)

        fast = hasher.hashes(header, [hasher.day(header[7])[0], *legs])

        request = request_hash(draft, links)
        assert fast == (request, content_hash(world.community_id, id_, recorded_at, request))

    with database.reading() as session:
        rows = rows_of(session, world.community_id)
        hasher, raws = Hasher(rows), Raws(rows)
        check()


@pytest.mark.parametrize(
    "moment",
    ["x", "2026-11-09T08:58:00.123456", "2026-11-09 08:58:00.123456+00:00",
     "2026-11-09T08:58:00.123456+01:00", "2026-13-09T08:58:00.123456+00:00"],
)  # fmt: skip
def test_a_moment_that_is_written_otherwise_is_refused(world: World, moment: str) -> None:
    with world.database.reading() as session:
        rows = rows_of(session, world.community_id)
        if isinstance(rows, PostgresqlRows):
            return
        with pytest.raises(ValueError, match=r"no moment|begins|month"):
            rows.moment(moment)
