"""What the leader's device says after a scan: it speaks of the volunteer, never to them.

The volunteer's own phone says `you`; the same sentence on the leader's tablet would mean the
leader. Whatever speaks to nobody in particular is said in the words of `service_words`.
"""

from typing import Final

from timebank.service.answers import Answer, stored_answer
from timebank.service.decide import Reason, Status
from timebank.service.models import ScanEvent
from web import service_words
from web.i18n import N_, is_chinese, say

CARD_AGAIN: Final = N_("Please scan the card again, or find the person by name.")
BY_HAND: Final = N_("The time can be written in by hand, from the list to confirm.")
MESSAGES: Final = {
    Reason.SUSPENDED: N_("Suspended at present, or no longer a volunteer."),
    Reason.OVERLAP: N_("Still checked in at %(other)s."),
    Reason.NOT_IN: N_("Not checked in yet."),
    Reason.TOO_SOON: N_("Checked in at %(since)s; check-out opens at %(opens)s."),
    Reason.ALREADY_IN: N_("Already checked in at %(since)s."),
    Reason.ALREADY_DONE: N_("Already checked out at %(since)s."),
    Reason.LIST_CONFIRMED: N_("This row of the list is settled."),
    Reason.NEEDS_LEAD: N_("Checked in at %(since)s; somebody else still has to agree."),
}
"""Instead of the reasons that speak to the volunteer."""
ADVICE: Final = {
    Reason.INVALID: CARD_AGAIN,
    Reason.BAD_SIGNATURE: CARD_AGAIN,
    Reason.CODE_EXPIRED: CARD_AGAIN,
    Reason.REVOKED: N_("Please scan the newer card, or find the person by name."),
    Reason.SUSPENDED: N_("The social worker can help."),
    Reason.NOT_OPEN: N_("Please scan again then."),
    Reason.CLOSED: BY_HAND,
    Reason.FULL: BY_HAND,
    Reason.OVERLAP: N_("They have to check out there first."),
    Reason.NOT_IN: N_("Please check them in first."),
    Reason.TOO_SOON: N_("Nothing was changed; the time keeps running."),
    Reason.LIST_CONFIRMED: N_("If something is wrong, tell the social worker."),
}
"""The next step after a refusal; who stands there holds no phone to the leader's code."""


def said_scan(scan: ScanEvent, is_own: bool) -> str:
    """Return what a stored scan was answered: to the member, or of them."""
    answer = stored_answer(scan.answer, "")
    return service_words.answer(answer) if is_own else said_to_leader(answer)


def said_to_leader(answer: Answer) -> str:
    """Return who was scanned, what came of it and what to do next, in the reader's language."""
    name = ""
    if answer.member_name:
        name = f"{answer.member_name}：" if is_chinese() else f"{answer.member_name}: "
    advice = ADVICE.get(answer.reason) if answer.reason else None
    if answer.status is not Status.REFUSED or advice is None:
        return name + _message(answer)
    return name + _sentence(_message(answer)) + say(advice, {})


def _message(answer: Answer) -> str:
    if answer.reason in MESSAGES:
        return say(MESSAGES[answer.reason], answer.details)
    return service_words.answer(answer)


def _sentence(text: str) -> str:
    """Return a sentence that another one may follow."""
    if not is_chinese():
        return f"{text} "
    return text if text.endswith("。") else f"{text}。"
