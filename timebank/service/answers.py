"""The answer to a scan, as it is given and as it is stored beside the scan.

Shape: `{status: ok|replay|refused|review, reason, message, first_seen, occasion, next_action}`. The
message is put into the reader's language when it is shown; the stored answer keeps its facts.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypedDict
from uuid import UUID

from timebank.service.decide import Decision, Effect, NextAction, Reason, Status
from timebank.service.venue import Venue

_NOT_THERE: Final = (Reason.INVALID, Reason.BAD_SIGNATURE)


class AnswerDocument(TypedDict):
    """The answer as it is stored; `message` is added in the reader's language when it is shown."""

    status: str
    effect: str
    reason: str | None
    details: dict[str, str | int]
    first_seen: str | None
    next_action: str
    occasion: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one scan was answered.

    Args:
        status: how it ended.
        effect: what it changed; `none` for a refusal or a repetition.
        reason: stable code; None when it simply worked.
        details: facts that the message names.
        first_seen: when the same had happened before.
        next_action: what the person can do now.
        occasion_id: the occasion, if the code named one.
        title: its title.
        member_name: for the leader's screen; never stored.
    """

    status: Status
    effect: Effect
    reason: Reason | None
    details: dict[str, str | int]
    first_seen: datetime | None
    next_action: NextAction
    occasion_id: UUID | None
    title: str
    member_name: str

    @classmethod
    def of(cls, decision: Decision, venue: Venue | None, member_name: str) -> "Answer":
        """Return the answer of a fresh decision."""
        return cls(
            status=decision.status,
            effect=decision.effect,
            reason=decision.reason,
            details=decision.details,
            first_seen=decision.first_seen,
            next_action=decision.next_action,
            occasion_id=venue.occasion_id if venue else None,
            title=venue.title if venue else "",
            member_name=member_name,
        )

    @property
    def message(self) -> str:
        """Return the English template of what is said; its fields are in `details`."""
        return Decision(self.status, self.effect, self.reason).message

    @property
    def http_status(self) -> int:
        """Return 201 for a new entry, 200 for a repetition, 404 or 409 for a refusal."""
        if self.status is Status.REFUSED:
            return 404 if self.reason in _NOT_THERE else 409
        return 201 if self.status in {Status.OK, Status.REVIEW} else 200

    def document(self) -> AnswerDocument:
        """Return the answer as it is stored."""
        occasion = {"id": str(self.occasion_id), "title": self.title} if self.occasion_id else None
        return {
            "status": self.status.value,
            "effect": self.effect.value,
            "reason": self.reason.value if self.reason else None,
            "details": self.details,
            "first_seen": self.first_seen.isoformat() if self.first_seen else None,
            "next_action": self.next_action.value,
            "occasion": occasion,
        }


def stored_answer(document: AnswerDocument, member_name: str) -> Answer:
    """Return a stored answer for a nonce that came again.

    What was done is answered as `replay`; a refusal or a review stays what it was.
    """
    occasion = document["occasion"]
    answer = Answer(
        status=Status(document["status"]),
        effect=Effect(document["effect"]),
        reason=Reason(document["reason"]) if document["reason"] else None,
        details=document["details"],
        first_seen=datetime.fromisoformat(document["first_seen"])
        if document["first_seen"]
        else None,
        next_action=NextAction(document["next_action"]),
        occasion_id=UUID(occasion["id"]) if occasion else None,
        title=occasion["title"] if occasion else "",
        member_name=member_name,
    )
    return replace(answer, status=Status.REPLAY) if answer.status is Status.OK else answer
