"""A PDF of one page as a picture and as text."""

import pypdfium2
from PIL.Image import Image

DOTS_PER_INCH = 150
POINTS_PER_INCH = 72


def picture_of(file: bytes) -> Image:
    """Return the only page as a picture of 150 dots per inch."""
    document = pypdfium2.PdfDocument(file)
    try:
        assert len(document) == 1, "a certificate is one page"
        picture: Image = document[0].render(scale=DOTS_PER_INCH / POINTS_PER_INCH).to_pil()
        return picture
    finally:
        document.close()


def text_of(file: bytes) -> str:
    """Return the text of the first page without line breaks and the marks where words may break."""
    document = pypdfium2.PdfDocument(file)
    try:
        text: str = document[0].get_textpage().get_text_bounded()
        return text.replace("\r\n", "").replace("\u200b", "")
    finally:
        document.close()
