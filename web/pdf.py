"""The certificate as a PDF: A4, Chinese with small English, same content same bytes.

Typst sets the page from `templates/certificates/certificate.typ`; the content goes in as data,
never as markup, so that a name can hold any character.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import noto_cjk_sans_otc
import typst

from timebank.rewards.certificates import ENDING_LENGTH
from timebank.rewards.models import Certificate, CertificateStatus
from web.i18n import translations_of
from web.qr import qr_svg

TEMPLATE: Final = Path(__file__).parent / "templates" / "certificates" / "certificate.typ"
FONTS: Final = Path(noto_cjk_sans_otc.__file__).parent
STANDARD: Final[Literal["a-2b"]] = "a-2b"
"""PDF/A-2b: the file carries its fonts and opens the same in thirty years."""
DIGEST_HEX_SHOWN: Final = 16
DIGEST_GROUP: Final = 4
TITLES_LENGTH_MAX: Final = 42
"""Two lines of the widest cell: more would push the paper onto a second page."""


def certificate_pdf(certificate: Certificate, *, base_url: str) -> bytes:
    """Return the PDF of a certificate; a revoked one carries REVOKED across the page.

    Args:
        certificate: with its frozen content.
        base_url: public address of this system, without a trailing slash; printed and carried by
            the QR.
    """
    link = verification_link(certificate, base_url)
    page = {
        **certificate.content,
        "person": _person(certificate.content["person"]),
        "service": _service(certificate.content["service"]),
        "is_revoked": certificate.status == CertificateStatus.REVOKED,
        "ending": certificate.code[-ENDING_LENGTH:],
        "digest": short_digest(certificate.content_hash),
        "verify_at": f"{urlsplit(base_url).netloc}/V",
    }
    made = typst.compile(
        _template(),
        font_paths=fonts(),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={
            "data": json.dumps(page, ensure_ascii=False),
            "qr": _standing_alone(qr_svg(link, label=certificate.printed_number)),
        },
        pdf_standards=STANDARD,
    )
    assert isinstance(made, bytes), "one document, one file"
    return made


def verification_link(certificate: Certificate, base_url: str) -> str:
    """Return what the QR says, in capitals: a QR of capitals and digits is a third smaller."""
    return f"{base_url}/V/{certificate.code}".upper()


def short_digest(content_hash: bytes) -> str:
    """Return the beginning of a content hash as it is printed: four groups of four."""
    text = content_hash.hex().upper()[:DIGEST_HEX_SHOWN]
    return " ".join(
        text[start : start + DIGEST_GROUP] for start in range(0, len(text), DIGEST_GROUP)
    )


@cache
def fonts() -> typst.Fonts:
    """Return the one font, read once; the machine's own fonts would change the bytes."""
    return typst.Fonts(False, False, [str(FONTS)])


@cache
def _template() -> bytes:
    return TEMPLATE.read_bytes()


def _person(person: dict[str, str]) -> dict[str, str]:
    """Return the person with the kind of document in Chinese: the record keeps the msgid."""
    kind = person["document_kind"]
    return person | {"document_kind": translations_of("zh").gettext(kind) if kind else ""}


def _service(service: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind | {"titles": _joined(kind["titles"])} for kind in service["kinds"]]
    return service | {"kinds": kinds}


def _joined(titles: list[str]) -> str:
    """Return as many titles as fit their cell; a single one that is too long is cut with …."""
    shown = titles[:1]
    for title in titles[1:]:
        if len("、".join([*shown, title])) > TITLES_LENGTH_MAX:
            break
        shown.append(title)
    text = "、".join(shown)
    return text if len(text) <= TITLES_LENGTH_MAX else text[: TITLES_LENGTH_MAX - 1] + "…"


def _standing_alone(svg: str) -> str:
    """Return an inline SVG as a document of its own: outside a page it must name its language."""
    return str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
