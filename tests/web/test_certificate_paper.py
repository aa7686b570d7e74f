"""The paper itself: what stands on it, how large its code is, and that nothing falls off."""

import re
from typing import Any

import pytest
import zxingcpp

from tests.web.pages_of_paper import DOTS_PER_INCH, picture_of, text_of
from timebank.contributions import Category
from timebank.rewards.models import Certificate, CertificateStatus
from timebank.rewards.papers import content_hash
from web.pdf import certificate_pdf, verification_link
from web.qr import qr_svg

MILLIMETRES_PER_INCH = 25.4
CODE_MILLIMETRES_MIN = 31
"""With its quiet zone."""
BASE_URL = "https://d.example"
LONG_BASE_URL = "https://a-rather-long-name.community.example"
HARD_NAMES = {
    "a minority name": "欧阳买买提·阿卜杜热西提" * 5,
    "latin without a blank": "W" * 60,
    "full width": "Ｗ" * 60,
    "a rare character": "𠮷" * 60,
    "signs of every markup": "#let x = 1 $\\ <script> \"'*_`@",
    "one letter": "É",
}


def _content(**parts: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a certificate; each keyword changes facts of one part."""
    content: dict[str, dict[str, Any]] = {
        "person": {
            "name": "韦桂芬",
            "volunteer_number": "V0002",
            "document_kind": "Identity card",
            "document_number_masked": "450***********002X",
        },
        "service": {
            "counted_minutes": 23_180,
            "certified_minutes": 23_160,
            "period_from": "2021-03-09",
            "period_to": "2026-11-18",
            "stars": 2,
            "threshold_minutes": 18_000,
            "rule_version": 1,
            "kinds": [{"category": "safety", "minutes": 23_180, "titles": ["夜间巡逻", "排查"]}],
        },
        "issuer": {
            "name": "L市D社区居民委员会",
            "contact": "0770-555 0109",
            "responsible": "农世安",
            "handler": "蒙小燕",
        },
        "registration": {
            "number": "D2026-000137",
            "signature": "AABCDEFGH234567XY",
            "issued_on": "2026-11-20",
            "notes": "",
        },
    }
    return content | {part: content[part] | facts for part, facts in parts.items()}


def _paper(
    status: CertificateStatus = CertificateStatus.VALID, **parts: dict[str, Any]
) -> Certificate:
    content = _content(**parts)
    return Certificate(content=content, content_hash=content_hash(content), status=status)


def test_the_paper_says_what_the_content_says() -> None:
    paper = _paper()

    text = text_of(certificate_pdf(paper, base_url=BASE_URL))

    for fact in (
        *("韦桂芬", "V0002", "居民身份证", "450***********002X", "386 小时", "二星志愿者"),
        *("386 小时 20 分", "安全排查", "夜间巡逻、排查", "满 300 小时", "农世安", "蒙小燕"),
        *("D2026-000137", "2026年11月20日", "0770-555 0109", "67XY", "d.example/V"),
        paper.content_hash.hex().upper()[:4],
    ):
        assert fact in text


def test_the_same_content_gives_the_same_bytes() -> None:
    first, second = (certificate_pdf(_paper(), base_url=BASE_URL) for _ in range(2))

    assert first == second
    assert first != certificate_pdf(_paper(), base_url=LONG_BASE_URL)


def test_the_file_declares_the_archive_format() -> None:
    assert b"pdfaid:part" in certificate_pdf(_paper(), base_url=BASE_URL)


@pytest.mark.parametrize("base_url", [BASE_URL, LONG_BASE_URL])
def test_the_code_is_read_and_large_enough(base_url: str) -> None:
    paper = _paper()
    link = verification_link(paper, base_url)
    (read,) = zxingcpp.read_barcodes(picture_of(certificate_pdf(paper, base_url=base_url)))

    pixels = read.position.top_right.x - read.position.top_left.x

    found = re.search(r'viewBox="0 0 (\d+)', qr_svg(link, label=""))
    assert found is not None
    with_quiet_zone = int(found[1])
    modules = with_quiet_zone - 8
    millimetres = pixels / DOTS_PER_INCH * MILLIMETRES_PER_INCH * with_quiet_zone / modules
    assert read.text == link
    assert millimetres >= CODE_MILLIMETRES_MIN


def test_a_revoked_paper_says_so_and_keeps_its_code() -> None:
    file = certificate_pdf(_paper(CertificateStatus.REVOKED), base_url=BASE_URL)

    assert "已作废" in text_of(file)
    assert "已作废" not in text_of(certificate_pdf(_paper(), base_url=BASE_URL))
    assert len(zxingcpp.read_barcodes(picture_of(file))) == 1


@pytest.mark.parametrize("name", HARD_NAMES.values(), ids=HARD_NAMES.keys())
def test_hard_names_fit_on_one_page(name: str) -> None:
    name = name[:60]
    titles = ["很长的活动名称" * 9, "二"]
    kinds = [
        {"category": category, "minutes": 600, "titles": titles}
        for category in (*Category, "other")
    ]
    paper = _paper(
        person={"name": name},
        service={"kinds": kinds},
        issuer={"name": name, "contact": "0" * 40, "responsible": name, "handler": name},
        registration={"notes": "字" * 120},
    )

    file = certificate_pdf(paper, base_url=LONG_BASE_URL)

    assert len(zxingcpp.read_barcodes(picture_of(file))) == 1
    assert text_of(file).replace(" ", "").count(name.replace(" ", "")[:12]) >= 5


def test_a_paper_of_five_stars_without_categories_or_document_is_set() -> None:
    paper = _paper(
        person={"document_kind": "", "document_number_masked": ""},
        service={"stars": 5, "kinds": []},
        issuer={"contact": "", "responsible": "", "handler": ""},
    )

    assert "五星志愿者" in text_of(certificate_pdf(paper, base_url="http://localhost"))
