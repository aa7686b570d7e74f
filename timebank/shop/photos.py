"""Photos of goods: checked by content, stripped, turned upright, made small, stored once.

Invariant: what is stored was encoded here. Nothing of the uploaded file survives: no EXIF (place,
device, time), no comment, no appended bytes.
"""

import hashlib
import struct
from io import BytesIO
from uuid import UUID

import sqlalchemy as sa
from PIL import Image, ImageOps
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ledger import clock
from ledger.base import refers
from ledger.ids import new_id
from timebank.actors import Actor, Permission
from timebank.shop.errors import (
    PhotoNotFound,
    PhotoNotReadable,
    PhotoTooLarge,
    PhotoTooManyPixels,
)
from timebank.shop.models import PHOTO_SIDE_MAX, Item, Photo

UPLOAD_MEGABYTES_MAX = 8
MEGABYTE = 1024 * 1024
MEGAPIXELS_MAX = 50
FORMATS = ("JPEG", "PNG", "WEBP")
JPEG_QUALITY = 82
MEDIA_TYPE = "image/jpeg"
WHITE = (255, 255, 255)


def add_photo(session: Session, actor: Actor, *, content: bytes) -> Photo:
    """Store a picture; the same file again is the same photo.

    Args:
        session: write session.
        actor: needs `handle_goods`.
        content: the uploaded file; its name and declared type are not looked at.

    Raises:
        PhotoTooLarge: photo_too_large, over 8 MB.
        PhotoNotReadable: photo_not_readable, not JPEG, PNG or WEBP by content, or damaged.
        PhotoTooManyPixels: photo_too_many_pixels, over 50 million.
    """
    actor.require(Permission.HANDLE_GOODS)
    return store(session, actor, content=content)


def store(session: Session, actor: Actor, *, content: bytes) -> Photo:
    """Store a picture for a caller that has asked for its own permission; see `add_photo`."""
    digest = hashlib.sha256(content).digest()
    same_file = sa.select(Photo).where(
        Photo.community_id == actor.community_id, Photo.content_digest == digest
    )
    known = session.scalar(same_file)
    if known is not None:
        return known
    encoded, (width, height) = recode(content)
    photo = Photo(
        community_id=actor.community_id,
        id=new_id(),
        media_type=MEDIA_TYPE,
        content=encoded,
        content_digest=digest,
        width=width,
        height=height,
        created_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(photo)
    except IntegrityError:  # somebody stored the same file at this moment
        return session.scalars(same_file).one()
    return photo


def recode(content: bytes) -> tuple[bytes, tuple[int, int]]:
    """Return an upright JPEG without metadata, its longer side at most 1280 pixels, and its size.

    The limits are checked on the header, before any pixel is decoded.
    """
    if len(content) > UPLOAD_MEGABYTES_MAX * MEGABYTE:
        raise PhotoTooLarge(
            megabytes=round(len(content) / MEGABYTE, 1), megabytes_max=UPLOAD_MEGABYTES_MAX
        )
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MEGAPIXELS_MAX * 1_000_000:
                raise PhotoTooManyPixels(megapixels_max=MEGAPIXELS_MAX)
            clean = _cleaned(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoTooManyPixels(megapixels_max=MEGAPIXELS_MAX) from error
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        # Pillow's readers raise these four for files that are cut or forged.
        raise PhotoNotReadable from error
    out = BytesIO()
    clean.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return out.getvalue(), clean.size


def _cleaned(picture: Image.Image) -> Image.Image:
    """Return the pixels alone, upright, on white, and small."""
    picture.draft("RGB", (PHOTO_SIDE_MAX, PHOTO_SIDE_MAX))
    picture.thumbnail((PHOTO_SIDE_MAX, PHOTO_SIDE_MAX))
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    clean = Image.new("RGB", upright.size, WHITE)
    clean.paste(upright, mask=upright.getchannel("A"))
    return clean


def read_photo(session: Session, *, community_id: UUID, photo_id: UUID) -> Photo:
    """Return a photo that stands on some goods: those are public, through the page of the goods.

    Raises:
        PhotoNotFound: photo_not_found, unknown or not (or no longer) shown.
    """
    photo = session.scalar(
        sa.select(Photo)
        .join(Item, refers(Item.photo_id, Photo))
        .where(Photo.community_id == community_id, Photo.id == photo_id)
        .limit(1)
    )
    if photo is None:
        raise PhotoNotFound
    return photo
