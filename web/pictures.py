"""Reading codes out of pictures: a camera's frame or a photo from the album.

Limits come before opening: 8 MB (the server's own limit), three formats, 40 megapixels as the
header says, so that a small file that unfolds into gigabytes is refused unread.
"""

import io
import warnings
from typing import Final

import zxingcpp
from PIL import Image, UnidentifiedImageError

from timebank.errors import Invalid
from web.i18n import N_

FORMATS: Final = ("JPEG", "PNG", "WEBP")
PIXELS_MAX: Final = 40_000_000
SIDE_MAX: Final = 2_400
"""Larger pictures are scaled down first: a code that fills the picture is still sharp enough."""
CODES_MAX: Final = 8


class NotAPicture(Invalid):
    """The file is no picture that we open."""

    code = "not_a_picture"
    message = N_("This file is not a picture. Please choose a JPEG, PNG or WEBP photo.")


class PictureTooLarge(Invalid):
    """More pixels than we unfold."""

    code = "picture_too_large"
    message = N_("This picture is too large: at most 40 megapixels.")


def read_codes(content: bytes) -> list[str]:
    """Return the texts of the QR codes and barcodes in a picture, at most eight.

    Raises:
        NotAPicture: `not_a_picture`.
        PictureTooLarge: `picture_too_large`.
    """
    picture = _open(content)
    found = zxingcpp.read_barcodes(picture)
    return [code.text for code in found[:CODES_MAX] if code.valid]


def _open(content: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we judge the size ourselves, below
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            if picture.width * picture.height > PIXELS_MAX:
                raise PictureTooLarge
            picture.draft("L", (SIDE_MAX, SIDE_MAX))
            picture.thumbnail((SIDE_MAX, SIDE_MAX))
            return picture.convert("L")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise NotAPicture from error
    except Image.DecompressionBombError as error:
        raise PictureTooLarge from error
