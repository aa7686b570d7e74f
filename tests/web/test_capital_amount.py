"""Amounts in capital numerals, as receipts say them."""

import pytest

from web.capital_amount import in_capitals


@pytest.mark.parametrize(
    ("fen", "said"),
    [
        (1, "壹分"),
        (10, "壹角"),
        (1_00, "壹元整"),
        (10_00, "壹拾元整"),
        (12_50, "壹拾贰元伍角"),
        (100_05, "壹佰元零伍分"),
        (1005_00, "壹仟零伍元整"),
        (2000_00, "贰仟元整"),
        (10_0000_00, "壹拾万元整"),
        (10_0020_30, "壹拾万零贰拾元叁角"),
        (100_3000_01, "壹佰万叁仟元零壹分"),
        (1000_0000_00, "壹仟万元整"),
        (6789_12, "陆仟柒佰捌拾玖元壹角贰分"),
    ],
)
def test_an_amount_in_capitals(fen: int, said: str) -> None:
    assert in_capitals(fen) == f"人民币{said}"
