"""A fund in which something waits: a donation to be counted, an expense to be released."""

from io import BytesIO
from uuid import UUID

import sqlalchemy as sa
from PIL import Image
from sqlalchemy.orm import Session

from ledger import clock
from ledger.database import Database
from timebank.actors import Actor
from timebank.codes import CodeKeys
from timebank.commons import donations, expenses, pictures, projects
from timebank.commons.donations import Gift
from timebank.commons.expenses import Bill
from timebank.commons.models import Method, MoneyDonation
from timebank.commons.projects import BudgetLine, Plan
from timebank.commons.spending_models import Expense

PROJECT_NUMBER = 1
ZONE = "Asia/Shanghai"


def keep_money(session: Session, clerk: Actor, leader: Actor, desk: Actor) -> None:
    """Let two people take in money, a leader plan with it, and something wait for the second."""
    keys, today = CodeKeys(bytes(32)), clock.today(ZONE)
    for nonce, fen, name in (("money-1", 300_00, "张桂芬"), ("money-2", 12_50, "")):
        gift = Gift(fen, Method.CASH, today, nonce, donor_name=name, may_be_named=bool(name))
        made = donations.record(session, clerk, keys, gift=gift)
        if name:
            donations.count(session, desk, donation_id=made.id)
    lines = BudgetLine("灯具", 120_00), BudgetLine("电线", 30_00)
    plan = Plan("楼道照明", "巡逻队", "三栋楼换灯", lines, "money-project")
    project = projects.propose(session, leader, plan=plan)
    projects.approve(session, desk, number=project.number)
    file = BytesIO()
    Image.new("RGB", (40, 30), "white").save(file, "PNG")
    photo = pictures.add_picture(session, leader, content=file.getvalue())
    for nonce, fen in (("bill-1", 45_80), ("bill-2", 20_00)):
        bill = Bill(1, fen, "五金店", nonce, photo.id, today, nonce)
        entered = expenses.enter(session, leader, number=project.number, bill=bill)
        if nonce == "bill-1":
            expenses.release(session, desk, expense_id=entered.id)


def waiting(database: Database, community_id: UUID) -> tuple[UUID, UUID]:
    """Return the donation and the expense that wait."""
    with database.reading() as session:
        donation_id = session.scalars(
            sa.select(MoneyDonation.id)
            .where(MoneyDonation.community_id == community_id)
            .order_by(MoneyDonation.state.desc())
        ).first()
        expense_id = session.scalars(
            sa.select(Expense.id)
            .where(Expense.community_id == community_id)
            .order_by(Expense.state)
        ).first()
    assert donation_id is not None
    assert expense_id is not None
    return donation_id, expense_id
