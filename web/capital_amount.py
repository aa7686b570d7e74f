"""Money in capital numerals (人民币大写), as a Chinese receipt says it: nobody can add a stroke.

Source: the bookkeeping rule for bills and receipts: 壹贰叁…, 零 once for any run of zeros inside,
整 after whole yuan.
"""

from typing import Final

from timebank.commons.models import AMOUNT_FEN_MAX

DIGITS: Final = "零壹贰叁肆伍陆柒捌玖"
PLACES: Final = ("仟", "佰", "拾", "")
GROUPS: Final = ((10**8, "亿"), (10**4, "万"), (1, ""))
THOUSAND: Final = 1000


def in_capitals(fen: int) -> str:
    """Return an amount in capital numerals: 人民币壹佰元零伍分.

    Args:
        fen: 1 to 10^9.
    """
    assert 0 < fen <= AMOUNT_FEN_MAX, "a receipt is for an amount that can be booked"
    yuan, rest = divmod(fen, 100)
    jiao, last = divmod(rest, 10)
    text = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        text += f"{DIGITS[jiao]}角"
    if last:
        text += f"{'零' if yuan and not jiao else ''}{DIGITS[last]}分"
    return f"人民币{text}{'' if rest else '整'}"


def _whole(yuan: int) -> str:
    text, is_after_zero = "", False
    for size, name in GROUPS:
        group, yuan = divmod(yuan, size)
        if group:
            needs_zero = bool(text) and (is_after_zero or group < THOUSAND)
            text += f"{'零' if needs_zero else ''}{_group(group)}{name}"
            is_after_zero = False
        else:
            is_after_zero = bool(text)
    return text


def _group(number: int) -> str:
    text, is_after_zero = "", False
    for digit, place in zip(f"{number:04d}", PLACES, strict=True):
        if digit == "0":
            is_after_zero = bool(text)
        else:
            text += f"{'零' if is_after_zero else ''}{DIGITS[int(digit)]}{place}"
            is_after_zero = False
    return text
