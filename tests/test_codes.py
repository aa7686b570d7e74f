"""Codes: what is signed, what is refused, how a scan is read."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timebank import codes
from timebank.codes import CodeKeys, ScanKind, VenueVerdict

KEYS = CodeKeys(b"root key of the tests, 32 bytes!")
COMMUNITY = UUID(int=7)
NOON = datetime(2026, 11, 9, 4, 0, tzinfo=UTC)
OCCASION = "D-7K2M9Q"


def judge(path: str, moment: datetime, community_id: UUID = COMMUNITY) -> VenueVerdict:
    occasion, step, signature = path.removeprefix("S/").split(".")
    return codes.judge_venue_code(
        KEYS,
        community_id,
        occasion_code=occasion,
        step=int(step),
        signature=signature,
        moment=moment,
    )


def venue(moment: datetime) -> str:
    return codes.venue_path(KEYS, COMMUNITY, "A", OCCASION, codes.venue_step(moment))


@pytest.mark.parametrize(
    ("age_seconds", "verdict"),
    [
        (0, VenueVerdict.FRESH),
        (89, VenueVerdict.FRESH),
        (90, VenueVerdict.EXPIRED),
        (3600, VenueVerdict.EXPIRED),
        (-30, VenueVerdict.EXPIRED),
    ],
)
def test_a_venue_code_lives_for_its_step_and_two_more(
    age_seconds: int, verdict: VenueVerdict
) -> None:
    moment = NOON + timedelta(seconds=age_seconds)

    if age_seconds < 0:
        assert judge(venue(NOON), moment) is not VenueVerdict.FRESH
    else:
        assert judge(venue(NOON), moment) is verdict


@given(place=st.integers(0, 15), other=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_venue_code_changed_by_one_character_is_forged(place: int, other: str) -> None:
    path = venue(NOON)
    at = len(path) - 16 + place
    forged = path[:at] + other + path[at + 1 :]

    assert (judge(forged, NOON) is VenueVerdict.FRESH) == (forged == path)


def test_a_venue_code_of_another_community_is_forged() -> None:
    assert judge(venue(NOON), NOON, community_id=UUID(int=8)) is VenueVerdict.FORGED


def test_a_poster_is_known_as_a_poster_at_any_time() -> None:
    poster = codes.venue_path(KEYS, COMMUNITY, "A", OCCASION, codes.POSTER_STEP)

    assert judge(poster, NOON + timedelta(days=300)) is VenueVerdict.POSTER


def test_a_scan_ticket_is_good_for_ten_minutes() -> None:
    text = codes.scan_ticket(KEYS, COMMUNITY, OCCASION, is_poster=False, moment=NOON)

    fresh = codes.open_ticket(
        KEYS, COMMUNITY, text, NOON + timedelta(minutes=10) - timedelta(seconds=1)
    )
    late = codes.open_ticket(KEYS, COMMUNITY, text, NOON + timedelta(minutes=10, seconds=2))

    assert fresh is not None
    assert fresh.occasion_code == OCCASION
    assert not fresh.is_expired
    assert late is not None
    assert late.is_expired
    assert codes.open_ticket(KEYS, UUID(int=8), text, NOON) is None
    assert codes.open_ticket(KEYS, COMMUNITY, text[:-1] + "A", NOON) != fresh


@given(
    body=st.from_regex(r"[0-9]{9}", fullmatch=True),
    place=st.integers(0, 9),
    digit=st.integers(0, 9),
)
def test_the_check_digit_catches_every_single_wrong_digit(
    body: str, place: int, digit: int
) -> None:
    whole = body + codes.check_digit(body)
    wrong = whole[:place] + str(digit) + whole[place + 1 :]

    assert codes.has_valid_check_digit(wrong) == (wrong == whole)


def test_a_pay_code_is_good_for_at_most_a_minute() -> None:
    alias = "012345678"
    digits = codes.pay_code(KEYS, COMMUNITY, alias, NOON)

    assert len(digits) == 18
    assert codes.pay_alias(digits) == alias
    assert (
        codes.matching_pay_step(KEYS, COMMUNITY, digits, NOON + timedelta(seconds=59)) is not None
    )
    assert codes.matching_pay_step(KEYS, COMMUNITY, digits, NOON + timedelta(seconds=60)) is None
    assert codes.matching_pay_step(KEYS, UUID(int=8), digits, NOON) is None


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5000000017", ScanKind.GOODS, "5000000017"),
        (" ５０００００００１７\r\n", ScanKind.GOODS, "5000000017"),
        ("5000000018", ScanKind.UNKNOWN, "5000000018"),
        ("HTTPS://HOST/C/ABCDEFGHIJ234567", ScanKind.CARD_TOKEN, "ABCDEFGHIJ234567"),
        ("https：、、host。cn、c、abcdefghij234567", ScanKind.CARD_TOKEN, "ABCDEFGHIJ234567"),
        (
            "https://host/v/D2026-000137.AABCDEFGHIJ234567",
            ScanKind.CERTIFICATE,
            "D2026-000137.AABCDEFGHIJ234567",
        ),
        ("围巾", ScanKind.UNKNOWN, "围巾"),
        ("", ScanKind.UNKNOWN, ""),
        ("7" * 500, ScanKind.UNKNOWN, "7" * 200),
    ],
)
def test_a_scan_is_read_through_a_chinese_input_method(
    text: str, kind: ScanKind, value: str
) -> None:
    scan = codes.read_scan(text)

    assert (scan.kind, scan.value) == (kind, value)


@given(number=st.integers(1, 99_999_999))
def test_labels_carry_their_number(number: int) -> None:
    assert codes.label_number(codes.goods_digits(number)) == number
    assert codes.read_scan(codes.goods_digits(number)).kind is ScanKind.GOODS
    assert codes.read_scan(codes.receipt_digits(number)).kind is ScanKind.RECEIPT


@given(text=st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert len(codes.read_scan(text).value) <= 4 * codes.SCAN_LENGTH_MAX


def test_a_certificate_number_is_ours_only_with_its_signature() -> None:
    signature = codes.certificate_signature(KEYS, COMMUNITY, "A", "D2026-000137")

    assert codes.certificate_is_ours(KEYS, COMMUNITY, "D2026-000137", signature.lower())
    assert not codes.certificate_is_ours(KEYS, COMMUNITY, "D2026-000138", signature)
    assert not codes.certificate_is_ours(KEYS, UUID(int=9), "D2026-000137", signature)
    assert not codes.certificate_is_ours(KEYS, COMMUNITY, "D2026-000137", "")
