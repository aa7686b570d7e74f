"""Statements as rows of figures: what page, Excel and PDF alike show."""

from collections.abc import Mapping
from dataclasses import dataclass

from timebank.commons.fund_statements import FundRow, FundStatement
from timebank.commons.statements import MoneyResult, Movement, Section
from web.fund_words import account
from web.i18n import _


@dataclass(frozen=True, slots=True)
class Row:
    """A name with its figures in the smallest unit; `is_sum` rows stand out."""

    name: str
    figures: tuple[int, ...]
    is_money: bool = False
    is_sum: bool = False


def section_heads() -> tuple[str, ...]:
    """Return the heads of the figures of a section."""
    return _("At the beginning"), _("In"), _("Out"), _("At the end")


def section_rows(section: Section, names: Mapping[str, str]) -> list[Row]:
    """Return the rows of a unit."""
    is_money = section.commodity == "CNY"
    return [
        Row(
            account(row.code, names.get(row.code, "")),
            (row.opening_minor, row.in_minor, -row.out_minor, row.closing_minor),
            is_money,
        )
        for row in section.rows
    ]


def money_rows(money: MoneyResult, names: Mapping[str, str]) -> list[Row]:
    """Return the income statement and the balance of money."""

    def row(name: str, fen: int, *, is_sum: bool = False) -> Row:
        return Row(name, (fen,), is_money=True, is_sum=is_sum)

    def of(each: Movement, fen: int) -> Row:
        return row(account(each.code, names.get(each.code, "")), fen)

    return [
        row(_("At the beginning of the month"), money.opening_fen, is_sum=True),
        *(of(each, each.out_minor - each.in_minor) for each in money.income),
        row(_("Income"), money.income_fen, is_sum=True),
        *(of(each, each.out_minor - each.in_minor) for each in money.expenses),
        row(_("Expenses"), -money.expenses_fen, is_sum=True),
        *([row(_("Other"), money.other_fen)] if money.other_fen else []),
        row(_("Result of the month"), money.result_fen, is_sum=True),
        *(of(each, each.closing_minor) for each in money.owned),
        row(_("At the end of the month"), money.closing_fen, is_sum=True),
    ]


def fund_heads() -> tuple[str, ...]:
    """Return the heads of the figures of a fund."""
    return (
        *(_("At the beginning"), _("Donations"), _("Takings"), _("Set apart")),
        *(_("Spent"), _("Other"), _("At the end")),
    )


def fund_rows(fund: FundStatement) -> list[Row]:
    """Return the rows of the funds and their sum."""
    rows = [Row(account(row.code, row.name), _figures(row), is_money=True) for row in fund.rows]
    return [*rows, Row(_("All together"), _figures(fund.total), is_money=True, is_sum=True)]


def project_rows(fund: FundStatement) -> list[Row]:
    """Return the projects, each with its lines."""
    rows: list[Row] = []
    for each in fund.projects:
        name = f"{each.project.printed_number} {each.project.title}"
        figures = each.budget_fen, each.spent_fen, each.left_fen
        rows.append(Row(name, figures, is_money=True, is_sum=True))
        rows += [
            Row(line.title, (line.budget_fen, line.spent_fen, line.left_fen), is_money=True)
            for line in each.lines
        ]
    return rows


def _figures(row: FundRow) -> tuple[int, ...]:
    return (
        *(row.opening_fen, row.donations_fen, row.takings_fen, row.moved_fen),
        *(row.spent_fen, row.other_fen, row.closing_fen),
    )
