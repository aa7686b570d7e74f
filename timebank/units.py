"""Units at the edge: whole smallest units inside, `Money` outside, and the one place that converts.

Words: a *commodity* is what an account holds (SERVICE and TIME in minutes, POINT, CNY in fen, one
per kind of goods in pieces); its *sub-unit* count says how many smallest units make one.

Invariants: nothing is rounded here; a value that is not a whole number of smallest units, not
finite, or in another unit is refused. `Money.get_amount_in_sub_unit` truncates and is not used.
"""

from decimal import Decimal
from functools import cache
from typing import Final

from moneyed import Currency, Money

from ledger.errors import N_, Invalid
from ledger.schema import AMOUNT_MINOR_MAX

SUB_UNITS: Final = {"SERVICE": 1, "TIME": 1, "POINT": 1, "CNY": 100}
"""Smallest units in one; goods, which are not named here, are whole pieces."""
GOODS_SUB_UNITS: Final = 1


class AmountNotWhole(Invalid):
    """The amount has a fraction of the smallest unit, is no number, or is beyond the limit."""

    code = "amount_not_whole"
    message = N_("%(amount)s %(commodity)s is not a whole number of the smallest unit.")


@cache
def currency(commodity: str) -> Currency:
    """Return a commodity as py-moneyed knows it; its global registry is left alone."""
    sub_unit = SUB_UNITS.get(commodity, GOODS_SUB_UNITS)
    return Currency(code=commodity, numeric=None, sub_unit=sub_unit, name=commodity)


def money(amount_minor: int, commodity: str) -> Money:
    """Return an amount of smallest units as `Money`, exactly."""
    unit = currency(commodity)
    return Money(Decimal(amount_minor) / unit.sub_unit, unit)


def minor(amount: Money) -> int:
    """Return how many smallest units an amount is.

    Raises:
        AmountNotWhole: `amount_not_whole`; nothing is rounded.
    """
    commodity = amount.currency.code
    value = amount.amount
    if not value.is_finite() or abs(value) > AMOUNT_MINOR_MAX:
        raise AmountNotWhole(amount=str(value), commodity=commodity)
    scaled = value * currency(commodity).sub_unit
    if scaled != scaled.to_integral_value() or abs(scaled) > AMOUNT_MINOR_MAX:
        raise AmountNotWhole(amount=str(value), commodity=commodity)
    return int(scaled)


def decimal_places(commodity: str) -> int:
    """Return how many decimals an amount of the commodity is written with."""
    return len(str(currency(commodity).sub_unit)) - 1


def written(amount_minor: int, commodity: str) -> str:
    """Return an amount as a plain decimal: `150`, or `12.50` where the smallest unit is a fen."""
    return with_decimals(amount_minor, decimal_places(commodity))


def with_decimals(amount_minor: int, decimal_places: int) -> str:
    """Return a number of smallest units as a plain decimal with this many decimals."""
    sign, digits = "-" * (amount_minor < 0), f"{abs(amount_minor):0{decimal_places + 1}d}"
    if not decimal_places:
        return sign + digits
    return f"{sign}{digits[:-decimal_places]}.{digits[-decimal_places:]}"
