"""Channels: how a message leaves the house. One is real, e-mail; others implement the same call.

Words: a *letter* is a message in words, with its address; a channel either takes it or raises
`ChannelDown`, and is asked again later.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

TIMEOUT_SECONDS: Final = 20.0
SUBMISSION_PORT: Final = 587
TLS_PORT: Final = 465


class ChannelDown(Exception):
    """The letter was not taken; it is tried again."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in words.

    Args:
        to: address.
        subject: one line.
        text: plain text.
        reference: the same at every try, so that a receiver can tell a repetition.
    """

    to: str
    subject: str
    text: str
    reference: str


class Channel(Protocol):
    """Anything that takes letters: e-mail today; WeChat or SMS would be others."""

    def send(self, letter: Letter) -> None:
        """Hand one letter over.

        Raises:
            ChannelDown: it was not taken.
        """


@dataclass(frozen=True, slots=True)
class Smtp:
    """E-mail over one SMTP server.

    Args:
        url: `smtp://USER:PASSWORD@HOST:587` (STARTTLS whenever there is a password or the server
            offers it) or `smtps://…` (TLS from the first byte).
        sender: address in `From:`.
    """

    url: str
    sender: str

    def send(self, letter: Letter) -> None:
        """Send one letter; the connection is closed again, since letters are few."""
        try:
            with self._connect() as server:
                server.send_message(_written(letter, self.sender))
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelDown(f"{type(error).__name__}: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        context = ssl.create_default_context()
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, parts.port or TLS_PORT, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(host, parts.port or SUBMISSION_PORT, timeout=TIMEOUT_SECONDS)
        try:
            server.ehlo()
            # A password never travels in the clear: without STARTTLS the server refuses below.
            if parts.scheme == "smtp" and (parts.username or server.has_extn("starttls")):
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
        return server


def _written(letter: Letter, sender: str) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, letter.to
    mail["Subject"] = " ".join(letter.subject.split())
    mail["Message-ID"] = f"<{letter.reference}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    mail.set_content(letter.text)
    return mail
