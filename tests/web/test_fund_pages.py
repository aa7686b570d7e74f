"""The fund's pages: from a donation to the public statement, two people at every step."""

import re
import warnings
from collections.abc import Iterator
from io import BytesIO
from zipfile import ZipFile

import pypdfium2 as pdfium
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from ledger import clock, seal
from ledger.database import Database
from tests.commons.makers import World, make_world
from tests.makers import make_sign_in
from tests.shop.makers import NOON
from tests.visitors import csrf_token, send, sign_in
from timebank.insight import self_checks
from timebank.insight.verification import verify_book

FUND, PROJECTS = "/desk/fund/", "/desk/projects/"
NEW_GIFT, NEW_PROJECT = "/desk/fund/donations/new", "/desk/projects/new"
GIFT = {
    "nonce": "page-gift",
    "amount": "１００．５",
    "method": "cash",
    "fund": "1",
    "received_on": "2026-11-20",
    "donor_name": "张桂芬",
}
PROJECT = {
    "nonce": "page-project",
    "title": "楼道照明",
    "team": "巡逻队",
    "purpose": "三栋楼换灯",
    "fund": "1",
    "line_1": "灯具",
    "budget_1": "60",
    "line_2": "电线",
    "budget_2": "20.00",
}


@pytest.fixture
def town(app: Flask, database: Database) -> Iterator[World]:
    with clock.at(NOON):
        with database.begin() as session:
            made = make_world(session)
        yield made


@pytest.fixture
def browsers(app: Flask, database: Database, town: World) -> dict[str, FlaskClient]:
    """A browser for each of them."""
    with database.begin() as session:
        signs = {name: make_sign_in(session, member) for name, member in town.people.items()}
    return {name: sign_in(app.test_client(), who) for name, who in signs.items()}


def text_of(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.get_data(as_text=True)


def given(browsers: dict[str, FlaskClient], **changes: str) -> str:
    """Record by Clara and count by Wen; return the donation's page."""
    sent = send(browsers["clara"], NEW_GIFT, {**GIFT, **changes}, page=NEW_GIFT)
    assert sent.status_code == 302, sent.get_data(as_text=True)
    path = sent.headers["Location"]
    send(browsers["wen"], f"{path}/count", {}, page=path)
    return path


def picture() -> tuple[BytesIO, str]:
    file = BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, "PNG")
    file.seek(0)
    return file, "invoice.png"


def test_a_donation_is_recorded_counted_and_receipted(browsers: dict[str, FlaskClient]) -> None:
    path = given(browsers)

    page, listed = text_of(browsers["clara"], path), text_of(browsers["wen"], FUND)
    receipt = browsers["clara"].get(f"{path}/receipt.pdf")

    assert "100.50 元" in page
    assert "已清点入账" in page
    assert "张**" in listed
    assert "张桂芬" not in listed
    assert receipt.content_type == "application/pdf"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        words = pdfium.PdfDocument(receipt.data)[0].get_textpage().get_text_bounded()
    assert [each for each in ("D-000001", "张桂芬", "100.50", "克拉拉") if each not in words] == []


def test_who_recorded_sees_that_somebody_else_counts(browsers: dict[str, FlaskClient]) -> None:
    sent = send(browsers["clara"], NEW_GIFT, GIFT, page=NEW_GIFT)
    path = sent.headers["Location"]

    send(browsers["clara"], f"{path}/count", {}, page=path)
    page = text_of(browsers["clara"], path)
    receipt = browsers["clara"].get(f"{path}/receipt.pdf")

    assert "要请别人来清点" in page
    assert receipt.status_code == 409


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("amount", "12.505", "请填金额（元）"),
        ("amount", "0", "0.01"),
        ("amount", "-5", "请填金额（元）"),
        ("received_on", "2026-11-21", "还没有到"),
        ("fund", "9", "没有这个基金"),
        ("donor_number", "V9999", "没有"),
        ("donor_number", "V0003", "自己的捐款"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_stays(
    browsers: dict[str, FlaskClient], field: str, value: str, said: str
) -> None:
    sent = send(browsers["clara"], NEW_GIFT, {**GIFT, field: value}, page=NEW_GIFT)

    page = sent.get_data(as_text=True)
    assert sent.status_code in {403, 404, 422}
    assert said in page
    assert f'href="#{field}"' in page
    assert "张桂芬" in page


def test_a_donation_is_taken_back_with_a_reason(browsers: dict[str, FlaskClient]) -> None:
    path = given(browsers)

    send(browsers["ada"], f"{path}/reverse", {"nonce": "back", "reason": "银行退回"}, page=path)

    page = text_of(browsers["ada"], path)
    assert "已撤回" in page
    assert "银行退回" in page


def test_a_project_goes_from_proposal_to_the_public(browsers: dict[str, FlaskClient]) -> None:
    given(browsers)
    bob, wen, ada = browsers["bob"], browsers["wen"], browsers["ada"]
    path = send(bob, NEW_PROJECT, PROJECT, page=NEW_PROJECT).headers["Location"]
    send(wen, f"{path}/approve", {}, page=path)
    bill = {
        "nonce": "page-bill",
        "line": "1",
        "amount": "25.5",
        "payee": "五金店",
        "invoice_number": "No 77",
        "spent_on": "2026-11-20",
        "csrf_token": csrf_token(bob, path),
    }
    without = bob.post(f"{path}/expenses", data=bill)
    entered = bob.post(f"{path}/expenses", data={**bill, "photo": picture()})
    release = re.search(r'action="([^"]+/release)"', text_of(wen, path))
    assert release is not None
    send(wen, release[1], {}, page=path)
    image = re.search(r'href="(/desk/projects/pictures/[^"]+)"', text_of(wen, path))
    assert image is not None
    report = {"report": "三栋楼的灯都亮了", "csrf_token": csrf_token(bob, path)}
    bob.post(f"{path}/report", data={**report, "photo": [picture()]})
    before = text_of(browsers["alice"], "/books/D/fund/projects/1")
    send(ada, f"{path}/close", {}, page=path)
    stranger = text_of(browsers["alice"], "/books/D/fund/projects/1")
    month = text_of(browsers["alice"], "/books/D/fund/")

    assert (without.status_code, entered.status_code) == (422, 302)
    assert "请拍一张发票的照片" in without.get_data(as_text=True)
    assert wen.get(image[1]).status_code == 200
    assert browsers["clara"].get(image[1]).status_code == 403
    assert "三栋楼的灯都亮了" not in before
    assert "三栋楼的灯都亮了" in stranger
    shown = re.search(r'src="(/books/D/fund/pictures/[^"]+)"', stranger)
    assert shown is not None
    assert browsers["alice"].get(shown[1]).content_type == "image/jpeg"
    assert "75.00 元" in month
    assert "张桂芬" not in month


def test_over_budget_names_both_numbers_at_the_amount(browsers: dict[str, FlaskClient]) -> None:
    given(browsers)
    bob = browsers["bob"]
    path = send(bob, NEW_PROJECT, PROJECT, page=NEW_PROJECT).headers["Location"]
    send(browsers["wen"], f"{path}/approve", {}, page=path)
    fields = {
        "nonce": "n",
        "line": "2",
        "amount": "20.01",
        "payee": "五金店",
        "invoice_number": "1",
        "spent_on": "2026-11-20",
    }

    answer = bob.post(
        f"{path}/expenses",
        data={**fields, "csrf_token": csrf_token(bob, path), "photo": picture()},
    )

    assert answer.status_code == 409 or answer.status_code == 422
    assert "这笔要 20.01 元，这一项还剩 20.00 元" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"budget_2": ""}, "budget_2"),
        ({"line_2": ""}, "line_2"),
        ({"line_1": "", "budget_1": ""}, "line_1"),
        ({"budget_1": "abc"}, "budget_1"),
    ],
)
def test_half_a_line_is_named(
    browsers: dict[str, FlaskClient], changes: dict[str, str], field: str
) -> None:
    sent = send(browsers["bob"], NEW_PROJECT, {**PROJECT, **changes}, page=NEW_PROJECT)

    assert sent.status_code == 422
    assert f'href="#{field}"' in sent.get_data(as_text=True)


def test_a_fund_with_a_purpose_takes_its_own_donation(browsers: dict[str, FlaskClient]) -> None:
    wen = browsers["wen"]
    fields = {"nonce": "page-fund", "name": "助老午餐", "purpose": "只用于老人午餐"}
    opened = send(wen, "/desk/fund/new", fields, page="/desk/fund/new")
    given(browsers, fund="2")

    assert opened.status_code == 302
    assert "助老午餐" in text_of(browsers["alice"], "/books/D/fund/")
    assert browsers["clara"].get("/desk/fund/new").status_code == 403


def test_statements_are_a_page_an_excel_file_and_a_pdf(browsers: dict[str, FlaskClient]) -> None:
    given(browsers)
    audrey = browsers["audrey"]

    page = text_of(audrey, "/desk/statements/?month=2026-11")
    excel = audrey.get("/desk/statements/month.xlsx?month=2026-11")
    pdf = audrey.get("/desk/statements/month.pdf?month=2026-11")

    assert "100.50" in page
    with ZipFile(BytesIO(excel.data)) as file:
        texts = file.read("xl/sharedStrings.xml").decode()
        money = file.read("xl/worksheets/sheet1.xml").decode()
    assert {"公共基金", "月末", "合计"} <= set(re.findall(r"<t[^>]*>([^<]+)</t>", texts))
    assert "<v>100.5</v>" in money
    assert "<f>" not in money
    assert pdf.data.startswith(b"%PDF")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        words = pdfium.PdfDocument(pdf.data)[0].get_textpage().get_text_bounded()
    assert "100.50" in words
    assert browsers["clara"].get("/desk/statements/").status_code == 403


def test_a_month_is_closed_by_two_people_on_one_page(
    browsers: dict[str, FlaskClient], database: Database, town: World
) -> None:
    given(browsers)
    page = "/desk/month-end/?month=2026-10"
    assert "还有" in text_of(browsers["wen"], page)
    with database.begin() as session:
        while seal.seal(session, town.community_id):
            pass
    with database.begin() as session:
        auditor = town.actor("audrey")
        self_checks.keep(session, auditor, verify_book(session, auditor))
    send(browsers["wen"], "/desk/month-end/prepare", {"month": "2026-10"}, page=page)
    own = text_of(browsers["wen"], page)
    action = re.search(r'action="([^"]+/close)"', text_of(browsers["ada"], page))
    assert action is not None
    send(browsers["ada"], action[1], {}, page=page)

    assert "要请别人来结账" in own
    assert "账已结到 2026年10月31日" in text_of(browsers["wen"], page)


def test_the_public_pages_know_no_month_to_come_and_no_other_code(
    browsers: dict[str, FlaskClient],
) -> None:
    client = browsers["alice"]

    assert "2026年11月" in text_of(client, "/books/D/fund/?month=2031-01")
    assert text_of(client, "/books/D/fund/?month=2026-13")
    assert client.get("/books/X/fund/").status_code == 404
    assert client.get("/books/D/fund/projects/1").status_code == 404
