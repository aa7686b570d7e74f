"""Pictures of the fund: invoices, which only those who handle money see, and those of reports.

A picture of a report is public once its project is closed: somebody else has read it then.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from timebank.actors import Actor, Permission
from timebank.commons.models import Project, ProjectState
from timebank.commons.spending_models import ProjectPicture
from timebank.people.models import Community
from timebank.shop import photos
from timebank.shop.errors import PhotoNotFound
from timebank.shop.models import Photo


def add_picture(session: Session, actor: Actor, *, content: bytes) -> Photo:
    """Store a picture of an invoice or for a report; the same file again is the same picture.

    Args:
        session: write session.
        actor: needs `run_project`.
        content: the uploaded file.

    Raises:
        PhotoTooLarge, PhotoNotReadable, PhotoTooManyPixels: photo_too_large, photo_not_readable,
            photo_too_many_pixels.
    """
    actor.require(Permission.RUN_PROJECT)
    return photos.store(session, actor, content=content)


def read_picture(session: Session, actor: Actor, *, photo_id: UUID) -> Photo:
    """Return a picture to somebody who runs projects.

    Raises:
        NotAllowed: not_allowed; PhotoNotFound: photo_not_found.
    """
    actor.require(Permission.RUN_PROJECT)
    found = session.get(Photo, (actor.community_id, photo_id))
    if found is None:
        raise PhotoNotFound
    return found


def read_public_picture(session: Session, *, code: str, photo_id: UUID) -> Photo:
    """Return a picture of the report of a closed project.

    Raises:
        PhotoNotFound: photo_not_found, unknown or not public: the two answer alike.
    """
    found = session.scalar(
        sa.select(Photo)
        .join(Community, Community.community_id == Photo.community_id)
        .join(
            ProjectPicture,
            sa.and_(
                ProjectPicture.community_id == Photo.community_id,
                ProjectPicture.photo_id == Photo.id,
            ),
        )
        .join(
            Project,
            sa.and_(
                Project.community_id == ProjectPicture.community_id,
                Project.id == ProjectPicture.project_id,
            ),
        )
        .where(Community.code == code, Photo.id == photo_id, Project.state == ProjectState.CLOSED)
        .limit(1)
    )
    if found is None:
        raise PhotoNotFound
    return found


def pictures_of(session: Session, project: Project) -> list[UUID]:
    """Return the ids of the pictures of a report, in their order."""
    query = sa.select(ProjectPicture.photo_id).where(
        ProjectPicture.community_id == project.community_id,
        ProjectPicture.project_id == project.id,
    )
    return list(session.scalars(query.order_by(ProjectPicture.place)))
