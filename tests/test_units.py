"""Units: exact at the edge, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from ledger.schema import AMOUNT_MINOR_MAX
from timebank import units
from timebank.units import AmountNotWhole

COMMODITIES = st.sampled_from(["SERVICE", "TIME", "POINT", "CNY", "GOODS-0001"])


@given(amount=st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), commodity=COMMODITIES)
def test_smallest_units_come_back_as_they_went(amount: int, commodity: str) -> None:
    assert units.minor(units.money(amount, commodity)) == amount


@pytest.mark.parametrize(
    ("value", "commodity"),
    [
        ("0.001", "CNY"),
        ("0.5", "POINT"),
        ("1.5", "SERVICE"),
        ("0.5", "GOODS-0001"),
        ("NaN", "CNY"),
        ("sNaN", "CNY"),
        ("Infinity", "POINT"),
        ("1E+999999", "POINT"),
        (str(AMOUNT_MINOR_MAX + 1), "POINT"),
        (str(AMOUNT_MINOR_MAX // 100 + 1), "CNY"),
    ],
)
def test_what_is_not_whole_is_refused(value: str, commodity: str) -> None:
    with pytest.raises(AmountNotWhole) as refusal:
        units.minor(Money(Decimal(value), units.currency(commodity)))

    assert refusal.value.details["commodity"] == commodity


@pytest.mark.parametrize(
    ("amount_minor", "commodity", "text"),
    [(150, "SERVICE", "150"), (-1250, "CNY", "-12.50"), (5, "CNY", "0.05"), (3, "GOODS-0001", "3")],
)
def test_amounts_are_written_with_the_decimals_of_their_unit(
    amount_minor: int, commodity: str, text: str
) -> None:
    assert units.written(amount_minor, commodity) == text


def test_two_units_never_mix() -> None:
    with pytest.raises(TypeError):
        units.money(1, "POINT") + units.money(1, "CNY")
