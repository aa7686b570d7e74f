"""What the people area refuses, and what it says then."""

from ledger.errors import N_, Invalid, NotAllowed, NotFound, Refused


class Counted:
    """Marks a refusal whose count stays although nothing else of the request does.

    Its rule writes only that count before it raises.
    """


# ---------------------------------------------------------------- signing in


class SignInRequired(NotAllowed):
    """Nobody is signed in, or the token is not good."""

    status = 401
    code = "sign_in_required"
    message = N_("Please sign in first.")


class WrongPassword(Counted, NotAllowed):
    """The number or the password is wrong; which of the two is never said."""

    code = "wrong_password"
    message = N_("The phone number or the password is not right.")


class SignInThrottled(Refused):
    """Too many wrong tries for this number."""

    status = 429
    code = "rate_limited"
    message = N_("Too many wrong tries. Please try again in %(minutes)s min.")


class NoMembership(NotAllowed):
    """The person is in no community, or has left it."""

    code = "no_membership"
    message = N_("You are not a member of a community here. Please ask the community office.")


class PasswordTooShort(Invalid):
    """A password below the minimum length."""

    code = "password_too_short"
    message = N_("The password needs at least %(min)s characters; you typed %(count)s.")


class PasswordTooCommon(Invalid):
    """A password that anybody would try first."""

    code = "password_too_common"
    message = N_("This password is too easy to guess. Please choose another one.")


class PhoneInvalid(Invalid):
    """Not a phone number."""

    code = "phone_invalid"
    message = N_("This is not a phone number: use 6 to 15 digits.")


class PhoneTaken(Refused):
    """The number already signs in somebody."""

    code = "phone_taken"
    message = N_("Somebody in this community already signs in with this phone number.")


class PhoneElsewhere(Refused):
    """The number signs in somebody of another community, who was not asked."""

    code = "phone_elsewhere"
    message = N_(
        "This phone number already signs in at another community. "
        "Whoever runs this server can connect the two."
    )


class PersonNotFound(NotFound):
    """Nobody signs in with this number yet."""

    code = "person_not_found"
    message = N_("Nobody signs in with this phone number yet.")


class SharedPerson(Refused):
    """The sign-in belongs to a person of several communities; none of them decides for all."""

    code = "shared_person"
    message = N_(
        "%(name)s also belongs to another community, so only they can change this, "
        "or whoever runs this server."
    )


class SignInMissing(Refused):
    """The member has no sign-in whose password could be set."""

    code = "sign_in_missing"
    message = N_("%(name)s has no sign-in yet. Please enter a phone number first.")


# ---------------------------------------------------------------- members and organisations


class MemberNotFound(NotFound):
    """No such member in this community."""

    code = "member_not_found"
    message = N_("There is no such volunteer in this community.")


class CommunityNotFound(NotFound):
    """No such community."""

    code = "community_not_found"
    message = N_("There is no such community.")


class CommunityCodeTaken(Refused):
    """Certificate numbers begin with the code, so it is unique."""

    code = "community_code_taken"
    message = N_("The code %(community_code)s is already used by another community.")


class NameInvalid(Invalid):
    """Empty, too long or with control characters."""

    code = "name_invalid"
    message = N_("A name has 1 to %(max)s characters and no control characters.")


class StatusUnchanged(Refused):
    """The member already stands there, or cannot go there from here."""

    code = "status_unchanged"
    message = N_(
        "%(name)s does not stand where this could be done. Please look at the record again."
    )


class OwnRecord(NotAllowed):
    """Nobody suspends or removes themselves, or takes away their own last right to manage."""

    code = "own_record"
    message = N_("You cannot change this on your own record. Please ask a colleague.")


class ReasonMissing(Invalid):
    """A change of standing needs its reason."""

    code = "reason_missing"
    message = N_("Please give the reason in at most %(max)s characters.")


class DocumentInvalid(Invalid):
    """The number of the identity document is malformed."""

    code = "document_invalid"
    message = N_("This is not a document number: use 4 to 40 letters and digits.")


# ---------------------------------------------------------------- cards, PIN, tokens


class CardNotFound(NotFound):
    """Unknown and revoked cards answer alike to outsiders."""

    code = "invalid"
    message = N_("This card is not valid here.")


class CardRevoked(Refused):
    """The card was replaced by a newer one."""

    code = "revoked"
    message = N_("This card was replaced on %(revoked_on)s. Please use the newer card.")


class CardMissing(Refused):
    """There is no card in force to revoke."""

    code = "card_missing"
    message = N_("%(name)s has no card in force.")


class MemberSuspended(Refused):
    """A suspended member does not take part."""

    code = "suspended"
    message = N_("%(name)s is suspended at present. Please ask the social worker.")


class PinInvalid(Invalid):
    """A PIN of the wrong form."""

    code = "pin_invalid"
    message = N_("A PIN is 4 to 6 digits, not all the same and not in a row such as 1234.")


class PinRequired(Refused):
    """This needs the PIN."""

    code = "pin_required"
    message = N_("Please enter the PIN.")


class PinMissing(Refused):
    """The member has no PIN yet."""

    code = "pin_missing"
    message = N_("%(name)s has no PIN yet. The social worker can set one.")


class PinWrong(Counted, Refused):
    """A wrong PIN, with the tries that are left."""

    code = "pin_wrong"
    message = N_("The PIN is wrong. Tries left: %(left)s.")


class PinLocked(Refused):
    """Too many wrong PINs."""

    code = "pin_locked"
    message = N_("The PIN is locked after 5 wrong tries. The social worker can set a new one.")


class TokenNotFound(NotFound):
    """No such token of this member."""

    code = "token_not_found"
    message = N_("There is no such access token.")
