"""The journals, read by the outside programs themselves."""

import csv
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import reports
from ledger.database import Database
from ledger.journal import Draft, Leg, post
from ledger.schema import Account
from tests import tools
from tests.insight.story import Story
from timebank import chart
from timebank.errors import NotAllowed
from timebank.insight.exports import JournalFormat, journal

COMMANDS: dict[JournalFormat, Callable[[], list[str]]] = {
    JournalFormat.HLEDGER: lambda: [str(tools.hledger()), "check", "--strict", "-f"],
    JournalFormat.LEDGER: lambda: [
        str(tools.ledger_cli()),
        "--strict",
        "--pedantic",
        "balance",
        "-f",
    ],
    JournalFormat.BEANCOUNT: lambda: [str(tools.bean_check()), "--no-cache"],
}
NASTY = 'a "quoted" \\ story; with  two spaces | bars\n*and* = (1) {2} [2026-01-01] tag:value 中文'


def _written(story: Story, database: Database, folder: Path, wanted: JournalFormat) -> Path:
    path = folder / f"book.{wanted}"
    with database.reading() as session, path.open("w", encoding="utf-8") as file:
        file.writelines(journal(session, story.auditor, journal_format=wanted))
    return path


def _checked(wanted: JournalFormat, path: Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMANDS[wanted](), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _post_nasty(session: Session, community_id: UUID, narration: str, key: str) -> None:
    accounts = chart.system_accounts(session, community_id)
    points = accounts[chart.POINTS_ISSUANCE], accounts[chart.SHOP_REDEEMED]
    legs = (Leg(points[0], -1), Leg(points[1], 1))
    draft = Draft("service", legs, date(2026, 11, 1), key, "system:test", "test:1", narration)
    post(session, community_id, draft)


@pytest.mark.parametrize("wanted", list(JournalFormat))
def test_outside_program_accepts_the_book(
    story: Story, database: Database, tmp_path: Path, wanted: JournalFormat
) -> None:
    answer = _checked(wanted, _written(story, database, tmp_path, wanted))

    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("wanted", list(JournalFormat))
def test_outside_program_refuses_a_book_with_another_balance(
    story: Story, database: Database, tmp_path: Path, wanted: JournalFormat
) -> None:
    path = _written(story, database, tmp_path, wanted)
    text = path.read_text(encoding="utf-8")
    last_line = text.splitlines()[-1]
    path.write_text(text.replace(last_line, last_line.replace("= ", "= 1").replace("  ", "  1")))

    answer = _checked(wanted, path)

    assert answer.returncode != 0


@pytest.mark.parametrize("wanted", list(JournalFormat))
def test_any_narration_is_harmless(
    story: Story, database: Database, tmp_path: Path, wanted: JournalFormat
) -> None:
    with database.begin() as session:
        for place, narration in enumerate(
            (NASTY, "", ";", "*", '"', "\\", "2026-01-01", "=1", "(x")
        ):
            _post_nasty(session, story.auditor.community_id, narration, f"nasty-{place}")

    answer = _checked(wanted, _written(story, database, tmp_path, wanted))

    assert (answer.returncode, answer.stderr) == (0, "")


def test_every_balance_of_hledger_is_ours(story: Story, database: Database, tmp_path: Path) -> None:
    path = _written(story, database, tmp_path, JournalFormat.HLEDGER)
    command = [str(tools.hledger()), "balance", "--flat", "--empty", "-N", "-O", "csv", "-f"]
    table = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)

    theirs = {
        account: int(amount.split()[0])
        for account, amount in list(csv.reader(StringIO(table.stdout)))[1:]
    }

    assert theirs == dict(_our_balances(database, story))


def _our_balances(database: Database, story: Story) -> Iterator[tuple[str, int]]:
    community_id = story.auditor.community_id
    with database.reading() as session:
        accounts = session.execute(
            sa.select(Account.code, Account.id).where(Account.community_id == community_id)
        ).all()
        for code, account_id in accounts:
            yield code, reports.balance(session, community_id, account_id).posted_minor


def test_a_journal_names_nobody(story: Story, database: Database, tmp_path: Path) -> None:
    for wanted in JournalFormat:
        text = _written(story, database, tmp_path, wanted).read_text(encoding="utf-8")

        assert "Members:V0003:Points" in text
        assert not any(name in text for name in ("蒙小燕", "覃志远", "韦桂芬", "莫建国"))


def test_only_those_who_read_the_books_export_them(story: Story, database: Database) -> None:
    volunteer = story.world.actor(story.world.charlie)

    with database.reading() as session, pytest.raises(NotAllowed):
        journal(session, volunteer, journal_format=JournalFormat.LEDGER)
