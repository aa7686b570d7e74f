"""The fund on paper: the receipt of a donation, and the statements of a month, as PDF.

Typst sets the pages; the content goes in as data, never as markup.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst

from timebank.commons.donations import Given
from timebank.commons.fund_statements import FundStatement
from timebank.commons.models import DonationState
from timebank.commons.statements import Books
from timebank.people.models import Community
from web.capital_amount import in_capitals
from web.fund_words import UNITS, fund, unit_amount
from web.i18n import _, full_day, language, say, yuan_figure
from web.pdf import fonts
from web.statement_rows import (
    Row,
    fund_heads,
    fund_rows,
    money_rows,
    project_rows,
    section_heads,
    section_rows,
)

TEMPLATES: Final = Path(__file__).parent / "templates" / "fund"


def receipt_pdf(
    given: Given, *, donor: str, community: Community, people: tuple[str, str]
) -> bytes:
    """Return the receipt of a counted donation; one that was taken back says so across the page.

    Args:
        given: the donation with its fund.
        donor: the whole name; empty for an anonymous donor.
        community: whose fund it is.
        people: who recorded and who counted it.
    """
    made = given.donation
    number = f"{community.code}-{made.receipt_number:06d}"
    return _set(
        "receipt.typ",
        {
            "issuer": community.issuer_name or community.name,
            "number": number,
            "is_void": made.state is DonationState.REVERSED,
            "rows": [
                ["捐款人 Donor", donor or "匿名 anonymous"],
                ["金额 Amount", f"{yuan_figure(made.amount_fen)} 元 yuan"],
                ["大写 In words", in_capitals(made.amount_fen)],
                ["方式 Method", {"cash": "现金 cash"}.get(made.method, "转账 bank transfer")],
                ["用途 Fund", _fund_name(given)],
                ["日期 Date", made.received_on.isoformat()],
                ["经手人 Recorded by", people[0]],
                ["清点人 Counted by", people[1]],
            ],
        },
    )


def statement_pdf(books: Books, found: FundStatement) -> bytes:
    """Return the statements of a month, in the reader's language."""
    is_chinese = language() == "zh"
    name = found.community.name if is_chinese else found.community.name_en
    tables = [
        _table(
            _("Money: income, expenses, balance"),
            (_("Amount"),),
            money_rows(books.money, found.names),
        ),
        _table(_("Funds"), fund_heads(), fund_rows(found)),
    ]
    if found.projects:
        heads = _("Budget"), _("Spent"), _("Still left")
        tables.append(_table(_("Projects"), heads, project_rows(found)))
    for section in books.sections:
        unit = UNITS.get(section.commodity)
        title = f"{say(unit, {}) if unit else section.commodity} {section.category}".strip()
        tables.append(_table(title, section_heads(), section_rows(section, found.names)))
    data = {
        "title": _("Statements of %(community)s", community=name),
        "period": f"{full_day(books.first_on)} – {full_day(books.last_on)}",
        "tables": tables,
    }
    return _set("statement.typ", data)


def _fund_name(given: Given) -> str:
    called = fund(given.fund.number, given.fund.name)
    return f"{called}：{given.fund.purpose}" if given.fund.purpose else called


def _table(title: str, heads: tuple[str, ...], rows: list[Row]) -> dict[str, Any]:
    return {
        "title": title,
        "heads": list(heads),
        "rows": [
            {
                "name": row.name,
                "figures": [
                    unit_amount(minor, "CNY" if row.is_money else "") for minor in row.figures
                ],
                "is_sum": row.is_sum,
            }
            for row in rows
        ],
    }


def _set(template: str, data: dict[str, Any]) -> bytes:
    made = typst.compile(
        _template(template),
        font_paths=fonts(),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    assert isinstance(made, bytes), "one document, one file"
    return made


@cache
def _template(name: str) -> bytes:
    return (TEMPLATES / name).read_bytes()
