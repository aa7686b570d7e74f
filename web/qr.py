"""Codes as pictures: QR and Code128 as SVG that can stand inside a page, and QR as PNG.

The SVG carries no style attribute (the security policy blocks them) and takes its colours from
itself: black on white, also in the dark.
"""

import io
import re
from typing import Final

import qrcode
from barcode.codex import Code128
from markupsafe import Markup, escape
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.image.pil import PilImage

LEVELS: Final = {
    "L": ERROR_CORRECT_L,
    "M": ERROR_CORRECT_M,
    "Q": ERROR_CORRECT_Q,
    "H": ERROR_CORRECT_H,
}
QUIET_MODULES: Final = 4
"""Blank modules around a QR code. Source: ISO/IEC 18004."""
BAR_QUIET_MODULES: Final = 10
"""Blank modules beside a Code128. Source: ISO/IEC 15417."""
BAR_HEIGHT_MODULES: Final = 34
PNG_MODULE_PIXELS: Final = 10


def qr_svg(text: str, *, label: str, level: str = "M") -> Markup:
    """Return a QR code as inline SVG, one path, 4 modules of white around it.

    Args:
        text: what the code says; upper case stays small.
        label: what a screen reader says instead of the picture.
        level: error correction L, M, Q or H.
    """
    code = _code(text, level)
    modules = code.get_matrix()
    path = "".join(
        f"M{start} {y}h{length}v1h-{length}z"
        for y, row in enumerate(modules)
        for start, length in _runs(row)
    )
    return _svg(len(modules), len(modules), path, label, "qr-code")


def qr_png(text: str, *, level: str = "M") -> bytes:
    """Return a QR code as PNG, 10 pixels per module."""
    picture = _code(text, level).make_image(image_factory=PilImage)
    file = io.BytesIO()
    picture.save(file)
    return file.getvalue()


def code128_svg(digits: str, *, label: str) -> Markup:
    """Return a Code128 barcode of digits as inline SVG.

    Args:
        digits: an even number of ASCII digits keeps the code short (set C).
        label: what a screen reader says instead of the picture.
    """
    assert re.fullmatch("[0-9]+", digits), "scanners under an input method read digits only"
    bars = [bit == "1" for bit in Code128(digits).build()[0]]
    path = "".join(
        f"M{BAR_QUIET_MODULES + start} 0h{length}v{BAR_HEIGHT_MODULES}h-{length}z"
        for start, length in _runs(bars)
    )
    return _svg(len(bars) + 2 * BAR_QUIET_MODULES, BAR_HEIGHT_MODULES, path, label, "bar-code")


def _code(text: str, level: str) -> "qrcode.QRCode[PilImage]":
    code = qrcode.QRCode(
        error_correction=LEVELS[level], border=QUIET_MODULES, box_size=PNG_MODULE_PIXELS
    )
    code.add_data(text, optimize=0)
    code.make(fit=True)
    return code


def _runs(row: list[bool]) -> list[tuple[int, int]]:
    """Return start and length of every run of dark modules."""
    runs: list[tuple[int, int]] = []
    for x, is_dark in enumerate(row):
        if not is_dark:
            continue
        if runs and sum(runs[-1]) == x:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((x, 1))
    return runs


def _svg(width: int, height: int, path: str, label: str, name: str) -> Markup:
    stretch = ' preserveAspectRatio="none"' if name == "bar-code" else ""
    return Markup(  # noqa: S704  # the label is escaped, the rest is numbers of ours
        f'<svg class="{name}" viewBox="0 0 {width} {height}"{stretch} role="img" '
        f'aria-label="{escape(label)}" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{width}v{height}H0z"/>'
        f'<path fill="#000" d="{path}"/></svg>'
    )
