"""Photos: judged by content, stripped, upright, small."""

import io

import pytest
from PIL import Image
from sqlalchemy.orm import Session

from ledger.errors import NotAllowed
from tests.shop.makers import World
from timebank.shop import errors
from timebank.shop.photos import MEGABYTE, UPLOAD_MEGABYTES_MAX, add_photo, recode

ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825


def picture(size: tuple[int, int] = (40, 20), kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind, **options)
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_three_kinds_become_a_jpeg(kind: str) -> None:
    encoded, size = recode(picture(kind=kind))

    assert (opened(encoded).format, size) == ("JPEG", (40, 20))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, I am photo.jpg",
        b"GIF89a" + bytes(50),
        b"%PDF-1.7",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        picture()[:200],
        picture(kind="PNG")[:60],
        b"\xff\xd8\xff" + bytes(500),
    ],
    ids=["empty", "text", "gif", "pdf", "svg", "cut jpeg", "cut png", "jpeg head"],
)
def test_what_is_no_photo_is_refused_whatever_its_name(content: bytes) -> None:
    with pytest.raises(errors.PhotoNotReadable):
        recode(content)


def test_twelve_megabytes_are_refused_with_both_numbers() -> None:
    with pytest.raises(errors.PhotoTooLarge) as caught:
        recode(picture() + bytes(12 * MEGABYTE))

    assert caught.value.details == {"megabytes": 12.0, "megabytes_max": UPLOAD_MEGABYTES_MAX}


def test_the_limit_is_eight_megabytes_to_the_byte() -> None:
    head = picture()
    padding = UPLOAD_MEGABYTES_MAX * MEGABYTE - len(head)

    assert recode(head + bytes(padding))[1] == (40, 20)
    with pytest.raises(errors.PhotoTooLarge):
        recode(head + bytes(padding + 1))


@pytest.mark.parametrize("side", [7072, 12_000, 20_000])
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(side: int) -> None:
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")

    with pytest.raises(errors.PhotoTooManyPixels):
        recode(file.getvalue())


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1280, 10), (1280, 10)), ((1281, 100), (1280, 100)), ((3000, 4000), (960, 1280))],
)
def test_the_longer_side_has_at_most_1280_pixels(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert recode(picture(size))[1] == expected


def test_nothing_of_the_files_metadata_survives() -> None:
    exif = Image.Exif()
    exif[MAKE] = "A phone"
    exif.get_ifd(GPS)[1] = "N"
    source = picture(exif=exif, comment=b"at home") + b"appended secret"

    encoded, _ = recode(source)

    assert dict(opened(encoded).getexif()) == {}
    assert b"A phone" not in encoded
    assert b"at home" not in encoded
    assert b"secret" not in encoded


def test_a_picture_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6

    assert recode(picture((40, 20), exif=exif))[1] == (20, 40)


def test_transparent_parts_become_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(file, "PNG")

    encoded, _ = recode(file.getvalue())

    assert opened(encoded).getpixel((5, 5)) == (255, 255, 255)


def test_the_same_file_is_stored_once(session: Session, world: World) -> None:
    first = add_photo(session, world.clerk, content=picture())
    again = add_photo(session, world.clerk, content=picture())

    assert first.id == again.id
    assert (first.media_type, first.width, first.height) == ("image/jpeg", 40, 20)


def test_volunteers_do_not_store_photos(session: Session, world: World) -> None:
    with pytest.raises(NotAllowed):
        add_photo(session, world.actor(world.alice), content=picture())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_forty_megapixels_are_made_small(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8000, 5000), "red").save(file, kind)

    encoded, size = recode(file.getvalue())

    assert size == (1280, 800)
    assert len(encoded) < MEGABYTE
