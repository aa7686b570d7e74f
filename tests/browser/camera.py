"""A camera for Chromium: what it sees is a file, written anew whenever the scene changes.

The browser opens the file each time a page starts the camera, so a code that rotated is seen on
the next visit. Every frame has one size: the browser keeps the size it found first.
"""

from io import BytesIO
from pathlib import Path

import qrcode
import zxingcpp
from PIL import Image

FRAME = (640, 480)
FRAME_COUNT = 12
CODE_PIXELS = 380
JPEG_QUALITY = 90
QR_CODES = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def show_wall(path: Path) -> None:
    """Let the camera see a grey wall."""
    _write(path, Image.new("RGB", FRAME, (150, 150, 150)))


def show_code(path: Path, text: str) -> None:
    """Let the camera see a code on a screen in front of the wall."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=4)
    code.add_data(text)
    code.make()
    drawn = code.make_image().get_image().convert("RGB").resize((CODE_PIXELS, CODE_PIXELS))
    scene = Image.new("RGB", FRAME, (150, 150, 150))
    scene.paste(drawn, ((FRAME[0] - CODE_PIXELS) // 2, (FRAME[1] - CODE_PIXELS) // 2))
    _write(path, scene)


def read_code(picture: bytes) -> str:
    """Return the text of the one QR code in a screenshot or rendered page."""
    with Image.open(BytesIO(picture)) as image:
        found = zxingcpp.read_barcodes(image.convert("L"), formats=QR_CODES)
    assert len(found) == 1, f"one code expected, {len(found)} seen"
    return str(found[0].text)


def _write(path: Path, scene: Image.Image) -> None:
    """Write a Motion-JPEG film: pictures one after the other."""
    frame = BytesIO()
    scene.save(frame, "JPEG", quality=JPEG_QUALITY)
    # Chromium holds the old file open while a page still films it: a new one takes its name.
    fresh = path.with_suffix(".next")
    fresh.write_bytes(frame.getvalue() * FRAME_COUNT)
    fresh.replace(path)
