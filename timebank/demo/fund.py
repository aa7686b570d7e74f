"""The community fund of the demo: two donations, one with a purpose, a project, a closed month."""

from datetime import datetime, timedelta
from io import BytesIO
from uuid import UUID

from dateutil.relativedelta import relativedelta
from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from ledger import clock
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.commons import donations, expenses, funds, pictures, projects
from timebank.commons.donations import Gift
from timebank.commons.expenses import Bill
from timebank.commons.models import Method
from timebank.commons.projects import BudgetLine, Plan
from timebank.demo.people import Town
from timebank.demo.visitors import ADMINISTRATOR, LEADER
from timebank.insight import periods

GENERAL_FEN = 500_00
RESTRICTED_FEN = 2000_00
BUDGET = (BudgetLine("食材", 1200_00), BudgetLine("餐盒和保温袋", 300_00))
BILLS = (
    (1, 386_50, "兴宁路菜场", "25452000000012345678"),
    (2, 92_80, "便民百货", "25452000000087654321"),
)


def tell(session: Session, keys: CodeKeys, town: Town, started_at: datetime) -> None:
    """Tell the last months of the fund, then close the books through the month before the last."""
    may, june, july = (
        started_at + relativedelta(months=months, days=14) for months in (20, 21, 22)
    )
    with clock.at(may):
        fund = funds.open_fund(
            session,
            town.social_worker,
            name="助老午餐",
            purpose="只用于辖区 80 岁以上独居老人的午餐",
            nonce=f"demo-fund-{town.facts.code}",
        )
        _give(session, keys, town, Gift(GENERAL_FEN, Method.CASH, may.date(), "demo-gift-1"))
        _give(
            session,
            keys,
            town,
            Gift(
                RESTRICTED_FEN,
                Method.TRANSFER,
                may.date(),
                "demo-gift-2",
                fund_number=fund.number,
                donor_name="兴宁路商户联合会",
                may_be_named=True,
            ),
        )
    with clock.at(june):
        _plan(session, town, fund.number)
    for (line_no, fen, payee, invoice), day in zip(BILLS, (june, july), strict=True):
        with clock.at(day + timedelta(days=5)):
            bill = Bill(
                *(line_no, fen, payee, invoice, _picture(session, town, line_no)),
                *(clock.today(town.community.time_zone), f"demo-bill-{invoice}"),
            )
            made = expenses.enter(session, town.cast[LEADER], number=1, bill=bill)
            expenses.release(session, town.social_worker, expense_id=made.id)
    _close_month(session, town, started_at + relativedelta(months=22))


def _give(session: Session, keys: CodeKeys, town: Town, gift: Gift) -> None:
    """Record by the clerk, count by the social worker."""
    made = donations.record(session, town.clerk, keys, gift=gift)
    donations.count(session, town.social_worker, donation_id=made.id)


def _plan(session: Session, town: Town, fund_number: int) -> None:
    """Let a leader propose what the social worker approves."""
    plan = Plan(
        title="每周三老人午餐",
        team="暖心队",
        purpose="为 12 位独居老人每周三送一次热午餐",
        lines=BUDGET,
        nonce=f"demo-project-{town.facts.code}",
        fund_number=fund_number,
    )
    made = projects.propose(session, town.cast[LEADER], plan=plan)
    projects.approve(session, town.social_worker, number=made.number)


def _close_month(session: Session, town: Town, month_at: datetime) -> None:
    """Close the books through the last day before a month."""
    administrator: Actor = town.cast[ADMINISTRATOR]
    through = month_at.date().replace(day=1) - timedelta(days=1)
    periods.close_period(session, administrator, through=through, reason="月结")


def _picture(session: Session, town: Town, number: int) -> UUID:
    """Return a drawn sheet that stands for an invoice: the demo shows no real papers."""
    sheet = Image.new("RGB", (640, 420), "#fbf8f0")
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((12, 12, 627, 407), outline="#a33b2f", width=4)
    for row in range(5):
        top = 110 + 55 * row
        draw.line((40, top, 600, top), fill="#8a8178", width=2)
        draw.line((40 + 70 * number, top - 30, 420 - 40 * row, top - 30), fill="#2f5d7c", width=8)
    out = BytesIO()
    sheet.save(out, "PNG")
    return pictures.add_picture(session, town.cast[LEADER], content=out.getvalue()).id
