"""Projects: proposed, approved by another, spent by two, reported, closed by another."""

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from ledger.errors import NotAllowed
from tests.commons.makers import (
    World,
    approved,
    bill,
    enter,
    fen_of,
    give,
    photo,
    plan,
    restrict,
    spend,
)
from tests.shop.makers import fresh
from timebank.commons import expenses, projects, reporting, reversals
from timebank.commons.errors import (
    AlreadyDecided,
    AnotherMustApprove,
    AnotherMustClose,
    AnotherMustRelease,
    AnotherMustReverse,
    BudgetInvalid,
    ExpenseNotFound,
    ExpensesWait,
    FundShort,
    InvoiceUsed,
    OverBudget,
    PayeeNeverReleases,
    ProjectNotFound,
    ProjectNotOpen,
)
from timebank.commons.models import LINES_MAX, ProjectState
from timebank.commons.spending_models import ExpenseState
from timebank.shop.errors import NonceReused, PhotoNotFound


def test_approval_sets_the_budget_apart(session: Session, world: World) -> None:
    give(session, world, 100_00)

    made = approved(session, world, 60_00, 40_00)

    assert (made.number, made.state) == (1, ProjectState.APPROVED)
    assert fen_of(session, world, "Fund:P0001") == 100_00
    assert fen_of(session, world, "Fund:General") == 0


def test_a_budget_beyond_the_fund_is_refused_with_both_numbers(
    session: Session, world: World
) -> None:
    give(session, world, 99_99)
    made = projects.propose(session, world.actor("bob"), plan=plan(100_00))

    with pytest.raises(FundShort) as refused:
        projects.approve(session, world.actor("wen"), number=made.number)

    details = refused.value.details
    assert (details["needed"], details["available"]) == ("100.00", "99.99")
    assert made.state is ProjectState.PROPOSED


def test_a_restricted_fund_pays_for_no_other(session: Session, world: World) -> None:
    fund = restrict(session, world)
    give(session, world, 500_00, fund_number=fund.number)
    made = projects.propose(session, world.actor("bob"), plan=plan(1))

    with pytest.raises(FundShort):
        projects.approve(session, world.actor("wen"), number=made.number)
    assert approved(session, world, 500_00, fund_number=fund.number).state == "approved"


def test_who_proposed_does_not_approve(session: Session, world: World) -> None:
    give(session, world)
    made = projects.propose(session, world.actor("wen"), plan=plan())

    with pytest.raises(AnotherMustApprove):
        projects.approve(session, world.actor("wen"), number=made.number)
    with pytest.raises(NotAllowed):
        projects.approve(session, world.actor("bob"), number=made.number)
    assert projects.approve(session, world.actor("ada"), number=made.number).number == 1


def test_approving_twice_moves_once(session: Session, world: World) -> None:
    give(session, world)
    made = approved(session, world, 60_00)

    projects.approve(session, world.actor("wen"), number=made.number)

    assert fen_of(session, world, "Fund:P0001") == 60_00
    with pytest.raises(AlreadyDecided):
        projects.approve(session, world.actor("ada"), number=made.number)


def test_a_proposal_is_refused_or_taken_back(session: Session, world: World) -> None:
    first = projects.propose(session, world.actor("bob"), plan=plan())
    second = projects.propose(session, world.actor("wen"), plan=plan())
    with pytest.raises(NotAllowed):
        projects.refuse(session, world.actor("bob"), number=second.number, reason="不要")

    projects.refuse(session, world.actor("bob"), number=first.number, reason="撤回")
    projects.refuse(session, world.actor("ada"), number=second.number, reason="太贵")

    assert {first.state, second.state} == {ProjectState.REFUSED}


@pytest.mark.parametrize("count", [0, LINES_MAX + 1])
def test_a_budget_has_some_lines(session: Session, world: World, count: int) -> None:
    wanted = plan(lines=plan(*[1] * count).lines if count else ())

    with pytest.raises(BudgetInvalid):
        projects.propose(session, world.actor("bob"), plan=wanted)


def test_one_nonce_is_one_project(session: Session, world: World) -> None:
    first = projects.propose(session, world.actor("bob"), plan=plan(nonce="n"))

    assert projects.propose(session, world.actor("bob"), plan=plan(nonce="n")).id == first.id
    with pytest.raises(NonceReused):
        projects.propose(session, world.actor("bob"), plan=plan(5, nonce="n"))


def test_an_expense_is_paid_once_another_released_it(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00)
    made = enter(session, world, project, 25_50)
    assert fen_of(session, world, "Expenses:P0001:1") == 0

    expenses.release(session, world.actor("wen"), expense_id=made.id)

    assert fen_of(session, world, "Expenses:P0001:1") == 25_50
    assert fen_of(session, world, "Fund:P0001") == 34_50


def test_who_entered_does_not_release_nor_does_the_payee(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00)
    own = expenses.enter(session, world.actor("wen"), number=1, bill=bill(session, world, 1_00))
    paid = enter(session, world, project, 1_00, payee_number=world.people["wen"].number)

    with pytest.raises(AnotherMustRelease):
        expenses.release(session, world.actor("wen"), expense_id=own.id)
    with pytest.raises(PayeeNeverReleases):
        expenses.release(session, world.actor("wen"), expense_id=paid.id)
    with pytest.raises(NotAllowed):
        expenses.release(session, world.actor("bob"), expense_id=paid.id)


def test_a_line_is_spent_to_the_fen_and_not_beyond(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00, 40_00)
    spend(session, world, project, 59_99)

    with pytest.raises(OverBudget) as refused:
        enter(session, world, project, 2)
    assert refused.value.details == {"line": "第1项", "needed": "0.02", "left": "0.01"}
    assert spend(session, world, project, 1).state is ExpenseState.RELEASED


def test_what_waits_counts_against_the_line(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00)
    waiting = enter(session, world, project, 60_00)
    with pytest.raises(OverBudget):
        enter(session, world, project, 1)

    expenses.refuse(session, world.actor("wen"), expense_id=waiting.id, reason="发票不清")

    assert enter(session, world, project, 60_00).state is ExpenseState.ENTERED


def test_an_invoice_is_paid_once_however_it_is_typed(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00)
    enter(session, world, project, 1_00, invoice_number="Ab 123")

    with pytest.raises(InvoiceUsed):
        enter(session, world, project, 1_00, invoice_number="ＡＢ１２３")


def test_an_expense_needs_a_line_a_picture_and_an_open_project(
    session: Session, world: World
) -> None:
    give(session, world)
    projects.propose(session, world.actor("bob"), plan=plan(60_00))
    bob = world.actor("bob")
    with pytest.raises(ProjectNotOpen):
        expenses.enter(session, bob, number=1, bill=bill(session, world, 1))
    projects.approve(session, world.actor("wen"), number=1)

    with pytest.raises(ExpenseNotFound):
        expenses.enter(session, bob, number=1, bill=bill(session, world, 1, line_no=2))
    with pytest.raises(PhotoNotFound):
        expenses.enter(session, bob, number=1, bill=bill(session, world, 1, photo_id=uuid4()))
    with pytest.raises(ProjectNotFound):
        expenses.enter(session, bob, number=9, bill=bill(session, world, 1))


def test_a_released_expense_is_taken_back_by_another(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00)
    made = spend(session, world, project, 60_00, invoice_number="A1")
    with pytest.raises(AnotherMustReverse):
        reversals.reverse_expense(
            session, world.actor("wen"), expense_id=made.id, reason="退货", nonce=fresh()
        )

    reversals.reverse_expense(
        session, world.actor("ada"), expense_id=made.id, reason="退货", nonce=fresh()
    )

    assert fen_of(session, world, "Fund:P0001") == 60_00
    assert spend(session, world, project, 60_00, invoice_number="A1").amount_fen == 60_00


def test_a_project_is_reported_closed_by_another_and_gives_back_what_remains(
    session: Session, world: World
) -> None:
    fund = restrict(session, world)
    give(session, world, 100_00, fund_number=fund.number)
    project = approved(session, world, 60_00, fund_number=fund.number)
    waiting = enter(session, world, project, 20_00)
    wen, bob, ada = world.actor("wen"), world.actor("bob"), world.actor("ada")
    with pytest.raises(ExpensesWait):
        reporting.report(session, bob, number=1, text="灯亮了")
    expenses.release(session, wen, expense_id=waiting.id)
    pictures = (photo(session, world, "blue"),)

    reporting.report(session, wen, number=1, text="灯亮了", photo_ids=pictures)
    with pytest.raises(AnotherMustClose):
        reporting.close(session, wen, number=1)
    closed = reporting.close(session, ada, number=1)

    assert (closed.state, closed.returned_fen) == (ProjectState.CLOSED, 40_00)
    assert fen_of(session, world, "Fund:P0001") == 0
    assert fen_of(session, world, "Fund:F0002") == 80_00
    assert reporting.close(session, ada, number=1).returned_fen == 40_00
    with pytest.raises(ProjectNotOpen):
        enter(session, world, project, 1)
    with pytest.raises(ProjectNotOpen):
        reversals.reverse_expense(session, ada, expense_id=waiting.id, reason="退货", nonce=fresh())


def test_a_project_that_spent_all_closes_without_an_entry(session: Session, world: World) -> None:
    give(session, world)
    project = approved(session, world, 60_00)
    spend(session, world, project, 60_00)
    reporting.report(session, world.actor("bob"), number=1, text="灯亮了")

    closed = reporting.close(session, world.actor("wen"), number=1)

    assert (closed.returned_fen, closed.return_transaction_id) == (0, None)
