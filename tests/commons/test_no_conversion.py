"""No route turns points or goods into money or back: rules, pages, API, command line, import."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from ledger import clock
from ledger.database import Database
from tests.commons.makers import TODAY, give, make_world
from tests.insight.imported import HEADER, Importing
from tests.shop.makers import NOON
from timebank.chart import SAFE, SALES, open_money_account
from timebank.insight.imports import Source

ROOT = Path(__file__).parents[2]
POINTS = re.compile(
    r"\b(?:points_account_id|points_issuance_id|shop_redeemed_id|POINTS_ISSUANCE|SHOP_REDEEMED)\b"
)
MONEY = re.compile(
    r"\b(?:open_money_account|fund_account_code|donations_account_code|project_account_code"
    r"|line_account_code|till_account_code|FUND_GENERAL|SALES|SAFE|CASH_DIFFERENCES)\b"
)
AT_THE_COUNTER = "timebank/shop/"
"""A basket may be paid partly in points and partly in cash: each for goods."""
LOOKS_ONLY = {
    "timebank/chart.py",  # the names themselves
    "timebank/insight/fund_papers.py",  # the pass that looks for such a transaction
    "timebank/insight/sale_papers.py",  # the papers of mixed baskets
}
POSTS = re.compile(r"\bpost(?:_many)?\(")


def _rules() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
        for folder in ("timebank", "web")
        for path in (ROOT / folder).rglob("*.py")
    }


def test_nothing_but_the_counter_knows_accounts_of_points_and_of_money() -> None:
    both = [
        name
        for name, text in _rules().items()
        if POINTS.search(text) and MONEY.search(text) and not name.startswith(AT_THE_COUNTER)
    ]

    assert set(both) - LOOKS_ONLY == set()


def test_the_web_posts_nothing_by_itself() -> None:
    posting = [
        name
        for name, text in _rules().items()
        if name.startswith("web/") and "ledger.journal" in text and POSTS.search(text)
    ]

    assert posting == []


def test_the_fund_never_speaks_of_points_or_pieces(app: Flask) -> None:
    """No schema and no address of the fund takes points or goods."""
    document = app.extensions["openapi"]
    speaking = [
        path
        for path, operations in document["paths"].items()
        if re.search(r"/(?:funds?|money-donations|projects|expenses)\b", path)
        and re.search(r"points|item_number|quantity", str(operations))
    ]

    assert speaking == []
    for name, text in _rules().items():
        if name.startswith("timebank/commons/") and "statement" not in name:
            assert not POINTS.search(text), name


@pytest.fixture
def importing(database: Database, tmp_path: Path) -> Importing:
    with database.begin() as session:
        world = make_world(session)
        give(session, world, 100_00, received_on=TODAY)
        for code in (SAFE, SALES):
            open_money_account(session, world.community_id, code)
    return Importing(database, world.community_id, tmp_path)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


def test_an_import_that_mixes_points_and_money_is_refused(importing: Importing) -> None:
    lines = (
        "1,2026-11-01,transfer,Members:V0001:Points,5,",
        "1,,,Issuance:Points,-5,",
        f"1,,,{SAFE},7.00,",
        f"1,,,{SALES},-7.00,",
    )
    content = "\n".join((HEADER, *lines, "")).encode()

    refused = importing.refusals(Source(importing.written(content)))

    assert refused == [(2, "commodity", "points_and_money")]


def test_an_import_moves_no_money_past_its_two_people(importing: Importing) -> None:
    lines = ("1,2026-11-01,fund,Fund:General,-7.00,", f"1,,,{SAFE},7.00,")
    content = "\n".join((HEADER, *lines, "")).encode()

    refused = importing.refusals(Source(importing.written(content)))

    assert refused == [(2, "account", "two_people_needed")]


def test_the_kind_of_the_fund_is_posted_by_the_fund_and_the_safe_alone() -> None:
    posting = {name for name, text in _rules().items() if "TransactionKind.FUND" in text}

    assert posting <= {"timebank/commons/common.py", "timebank/shop/safe.py"}
