"""Streets, communities and their charts of accounts."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger.schema import Account
from tests.makers import make_community
from timebank import chart
from timebank.people import organisations
from timebank.people.errors import CommunityCodeTaken, CommunityNotFound


def test_a_community_opens_its_system_accounts(session: Session) -> None:
    community = make_community(session)

    found = chart.system_accounts(session, community.community_id)

    assert sorted(found) == ["Issuance:Points", "Issuance:Service", "Shop:Redeemed"]
    assert chart.points_issuance_id(session, community.community_id) == found["Issuance:Points"]


def test_a_code_stands_for_one_community(session: Session) -> None:
    make_community(session)

    with pytest.raises(CommunityCodeTaken):
        make_community(session)


def test_a_community_is_found_by_its_code(session: Session) -> None:
    community = make_community(session, code="A")

    assert organisations.find_community(session, code="A") is community
    with pytest.raises(CommunityNotFound):
        organisations.find_community(session, code="a")


def test_goods_have_an_intake_a_shelf_and_a_way_out(session: Session) -> None:
    community = make_community(session)

    accounts = chart.open_item_accounts(session, community.community_id, 7)

    rows = session.execute(
        sa.select(Account.code, Account.commodity, Account.is_bounded)
        .where(Account.id.in_([accounts.intake_id, accounts.stock_id, accounts.out_id]))
        .order_by(Account.code)
    ).all()
    assert [tuple(row) for row in rows] == [
        ("Goods:0007:Intake", "GOODS-0007", False),
        ("Goods:0007:Out", "GOODS-0007", False),
        ("Goods:0007:Stock", "GOODS-0007", True),
    ]


def test_opening_twice_gives_the_same_accounts(session: Session) -> None:
    community = make_community(session)

    first = chart.open_member_accounts(session, community.community_id, 1)
    second = chart.open_member_accounts(session, community.community_id, 1)

    assert first == second
