"""Messages: written once, read by their member alone, sent until a real SMTP server takes them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from ledger import clock
from ledger.database import Database
from tests.applications import settings_for
from tests.messages.post_office import PostOffice, opened
from tests.service.world import SERVICE_DAY, SIGN_UP_TIME, World, local, make_world
from timebank.codes import CodeKeys
from timebank.insight.upkeep import chores_of_books, chores_of_messages
from timebank.messages import outbox, sending
from timebank.messages.channels import ChannelDown, Letter, Smtp
from timebank.messages.models import TRY_COUNT_MAX, Message, MessageKind
from timebank.messages.outbox import Notice, WrongEmail
from timebank.people.models import Member
from timebank.service import changes, reminders
from web import message_words

EMAIL = "charlie@example.org"
EVENING = local("18:00", SERVICE_DAY - timedelta(days=1))
FACTS: dict[str, str | int] = {
    "title": "巡查, <script>;𠮷",
    "when": "2026-11-09 9:00",
    "place": "幸福路菜市场 东门",
}


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with opened() as running:
        yield running


@pytest.fixture
def scene(database: Database, keys: CodeKeys) -> World:
    """Committed: Charlie has an address and is on the list of the service day."""
    with database.begin() as session, clock.at(SIGN_UP_TIME):
        world = make_world(session, keys)
        world.enrol(world.plan(), world.charlie)
        outbox.set_email(session, world.actor(world.charlie), email=EMAIL)
        session.flush()
        session.expunge_all()
    return world


def _notice(member: Member, reference: str = "place:1") -> Notice:
    return Notice(member.id, MessageKind.PLACE_GIVEN, FACTS, reference)


def _write(database: Database, world: World, *notices: Notice) -> list[UUID]:
    with database.begin() as session, clock.at(SIGN_UP_TIME):
        made = outbox.write(session, world.community.community_id, notices)
        return [message.id for message in made]


def _message(database: Database) -> Message:
    with database.reading() as session:
        return session.scalars(sa.select(Message)).one()


def _fail(community_id: UUID, failure: BaseException) -> None:
    raise AssertionError(community_id) from failure


def _compose(kind: MessageKind, facts: dict[str, str | int]) -> sending.Content:
    return sending.Content(kind.value, str(facts["title"]))


def _send(database: Database, office: PostOffice) -> int:
    channel = Smtp(office.url, "bank@example.org")
    return sending.send_due(database, channel, _compose, failed=_fail)


# ---------------------------------------------------------------- writing and reading


def test_the_same_thing_is_said_once(database: Database, scene: World) -> None:
    first = _write(database, scene, _notice(scene.charlie))
    again = _write(database, scene, _notice(scene.charlie), _notice(scene.dora, "place:2"))

    assert (len(first), len(again)) == (1, 1)


def test_nobody_reads_or_marks_the_messages_of_another(database: Database, scene: World) -> None:
    [newest] = _write(database, scene, _notice(scene.charlie))
    dora, charlie = scene.actor(scene.dora), scene.actor(scene.charlie)

    with database.begin() as session:
        assert outbox.own_messages(session, dora) == []
        assert outbox.mark_read(session, dora, up_to=newest) == 0
        assert outbox.mark_read(session, charlie, up_to=newest) == 1
        assert outbox.mark_read(session, charlie, up_to=newest) == 0


def test_a_message_that_came_later_stays_new(database: Database, scene: World) -> None:
    [seen] = _write(database, scene, _notice(scene.charlie))
    _write(database, scene, _notice(scene.charlie, "place:2"))

    with database.begin() as session:
        marked = outbox.mark_read(session, scene.actor(scene.charlie), up_to=seen)

    assert marked == 1


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    "email",
    [
        *("charlie", "a@b", "@example.org", "a@example..org", "a b@example.org", "a@-x.org"),
        *("a@example.org\r\nBcc: all@example.org", "查@example.org", f"{'a' * 250}@b.org"),
    ],
)
def test_what_is_no_address_is_refused(database: Database, scene: World, email: str) -> None:
    with database.begin() as session, pytest.raises(WrongEmail):
        outbox.set_email(session, scene.actor(scene.charlie), email=email)


# ---------------------------------------------------------------- sending


def test_a_letter_arrives_as_it_was_written(
    database: Database, scene: World, office: PostOffice
) -> None:
    [message_id] = _write(database, scene, _notice(scene.charlie))

    with clock.at(SIGN_UP_TIME):
        sent = _send(database, office), _send(database, office)

    [letter] = office.letters
    assert sent == (1, 0)
    assert (letter["To"], letter["From"]) == (EMAIL, "bank@example.org")
    assert letter["Message-ID"] == f"<{message_id.hex}@example.org>"
    assert letter.get_content().strip() == FACTS["title"]
    assert _message(database).sent_at == SIGN_UP_TIME


def test_without_an_address_nothing_is_sent(
    database: Database, scene: World, office: PostOffice
) -> None:
    _write(database, scene, _notice(scene.dora))

    with clock.at(SIGN_UP_TIME):
        assert _send(database, office) == 0
    assert office.letters == []


def test_who_takes_the_address_back_gets_nothing_more(
    database: Database, scene: World, office: PostOffice
) -> None:
    _write(database, scene, _notice(scene.charlie))
    with database.begin() as session:
        outbox.set_email(session, scene.actor(scene.charlie), email=" ")

    with clock.at(SIGN_UP_TIME):
        assert _send(database, office) == 0
    assert _message(database).next_try_at is None


def test_a_refused_letter_is_tried_again_with_growing_pauses(
    database: Database, scene: World, office: PostOffice
) -> None:
    _write(database, scene, _notice(scene.charlie))
    office.answer = b"451 later"
    with clock.at(SIGN_UP_TIME):
        assert _send(database, office) == 0
        assert _message(database).next_try_at == SIGN_UP_TIME + timedelta(minutes=1)
        assert _send(database, office) == 0
        assert _message(database).try_count == 1
    office.answer = b"250 taken"

    with clock.at(SIGN_UP_TIME + timedelta(minutes=1)):
        assert _send(database, office) == 1

    assert len(office.letters) == 1


def test_a_server_that_is_away_is_waited_for(database: Database, scene: World) -> None:
    _write(database, scene, _notice(scene.charlie))
    nobody = PostOffice(port=1)

    with clock.at(SIGN_UP_TIME):
        assert _send(database, nobody) == 0

    assert _message(database).next_try_at == SIGN_UP_TIME + timedelta(minutes=1)


def test_after_eight_tries_or_two_days_a_letter_is_given_up(
    database: Database, scene: World, office: PostOffice
) -> None:
    _write(database, scene, _notice(scene.charlie))
    office.answer = b"550 never"
    for _ in range(TRY_COUNT_MAX):
        due = _message(database).next_try_at
        assert due is not None
        with clock.at(due):
            _send(database, office)
    assert (_message(database).try_count, _message(database).next_try_at) == (8, None)
    office.answer = b"250 taken"
    with database.begin() as session:
        session.execute(sa.delete(Message))
    _write(database, scene, _notice(scene.charlie))

    with clock.at(SIGN_UP_TIME + timedelta(days=2, seconds=1)):
        assert _send(database, office) == 0

    assert office.letters == []
    assert _message(database).next_try_at is None


def test_the_pauses_are_doubled_up_to_six_hours() -> None:
    minutes = [sending.pause_before(number).total_seconds() / 60 for number in (1, 2, 3, 9, 12)]

    assert minutes == [1, 2, 4, 256, 360]


def test_two_servers_send_a_letter_once(
    database: Database, scene: World, office: PostOffice
) -> None:
    _write(database, scene, *(_notice(scene.charlie, f"place:{number}") for number in range(6)))

    def send(_: int) -> int:
        with clock.at(SIGN_UP_TIME):
            return _send(database, office)

    with ThreadPoolExecutor(4) as pool:
        sent = sum(pool.map(send, range(4)))

    assert (sent, len(office.letters)) == (6, 6)


@pytest.mark.databases("sqlite")
def test_a_password_is_never_sent_in_the_clear(office: PostOffice) -> None:
    channel = Smtp(office.url.replace("://", "://bank:secret@"), "bank@example.org")

    with pytest.raises(ChannelDown):
        channel.send(Letter(EMAIL, "x", "y", "1"))


@pytest.mark.databases("sqlite")
def test_a_title_makes_no_second_header(office: PostOffice) -> None:
    Smtp(office.url, "bank@example.org").send(
        Letter(EMAIL, "巡查\r\nBcc: all@example.org", ".\r\n..two dots", "1")
    )

    [letter] = office.letters
    assert letter["Bcc"] is None
    assert letter["Subject"] == "巡查 Bcc: all@example.org"
    assert letter.get_content().splitlines() == [".", "..two dots"]


@pytest.mark.parametrize(
    ("locale", "count", "words"),
    [
        ("en", 1, "巡逻 no longer takes place: the day that you had signed up for, 9 Nov 9:00, is"),
        ("en", 2, "巡逻 no longer takes place: 2 days that you had signed up for are called off"),
        ("zh", 1, "巡逻 不再举行：您要参加的 11月9日 9:00 这一场已取消。下雨"),
        ("zh", 2, "巡逻 不再举行：您要参加的 2 场已取消，最近一场是 11月9日 9:00。下雨"),
    ],
)
def test_a_letter_says_days_in_words_and_one_as_one(locale: str, count: int, words: str) -> None:
    settings = replace(settings_for("sqlite://", Path()), default_locale=locale)
    facts: dict[str, str | int] = {
        "title": "巡逻",
        "when": "2026-11-09 9:00",
        "count": count,
        "reason": "下雨",
    }

    letter = message_words.composer(settings)(MessageKind.SERIES_ENDED, facts)

    assert letter.text.startswith(words)


@pytest.mark.databases("sqlite")
def test_upkeep_sends_only_with_a_mail_server(
    database: Database, scene: World, office: PostOffice, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = settings_for("sqlite://", tmp_path_factory.mktemp("data"))
    _write(database, scene, _notice(scene.charlie))
    compose = message_words.composer(settings)
    [send] = chores_of_messages(replace(settings, smtp_url=office.url), compose)
    with clock.at(SIGN_UP_TIME):
        send.work(database, _fail, lambda: False)

    [letter] = office.letters
    assert chores_of_messages(settings, compose) == ()
    assert letter["Subject"] == "候补成功: 巡查, <script>;𠮷"
    assert "11月9日 9:00" in letter.get_content()
    assert "http://localhost/me/messages" in letter.get_content()


# ---------------------------------------------------------------- reminders


def _remind(database: Database) -> int:
    return reminders.remind_due(database, failed=_fail)


def test_who_is_signed_up_is_reminded_once_on_the_evening_before(
    database: Database, scene: World
) -> None:
    written = []
    for moment in (EVENING - timedelta(seconds=1), EVENING, EVENING + timedelta(hours=2)):
        with clock.at(moment):
            written.append(_remind(database))

    assert written == [0, 1, 0]
    message = _message(database)
    assert (message.member_id, message.kind) == (scene.charlie.id, MessageKind.REMINDER)
    assert message.facts["when"] == "2026-11-09 9:00"


@pytest.mark.databases("sqlite")
def test_nobody_is_reminded_at_night_or_of_what_is_called_off(
    database: Database, scene: World
) -> None:
    with clock.at(EVENING + timedelta(hours=4)):
        assert _remind(database) == 0
    with database.begin() as session, clock.at(SIGN_UP_TIME):
        occasion_id = session.execute(sa.text("SELECT id FROM occasion")).scalar_one()
        changes.cancel_occasion(session, scene.desk, occasion_id=UUID(occasion_id), reason="下雨")

    with clock.at(EVENING):
        assert _remind(database) == 0


@pytest.mark.databases("sqlite")
def test_who_signs_up_in_the_evening_needs_no_reminder(database: Database, scene: World) -> None:
    with database.begin() as session, clock.at(SIGN_UP_TIME):
        scene.session = session
        other = scene.plan(title="看望老人", on=date(2026, 11, 20))
    with database.begin() as session, clock.at(local("18:00", date(2026, 11, 19))):
        scene.session = session
        slot_id = scene.slot(other).id
        from timebank.service import signup

        signup.sign_up(session, scene.actor(scene.dora), slot_id=slot_id)
        session.flush()

    with clock.at(local("18:10", date(2026, 11, 19))):
        assert _remind(database) == 0


def test_two_servers_remind_once(database: Database, scene: World) -> None:
    def remind(_: int) -> int:
        with clock.at(EVENING):
            return _remind(database)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(remind, range(4))) == 1


@pytest.mark.databases("sqlite")
def test_reminders_are_a_chore_of_every_book(database: Database, scene: World) -> None:
    [remind] = [chore for chore in chores_of_books() if chore.name == "remind"]

    with clock.at(EVENING):
        remind.work(database, _fail, lambda: False)

    assert _message(database).kind is MessageKind.REMINDER
