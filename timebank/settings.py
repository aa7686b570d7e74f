"""Settings: what the operator decides, read once from the environment (prefix `TIMEBANK_`).

Words: the *data folder* holds the SQLite book, the secret key and uploaded files; the *base URL* is
the address that printed QR codes carry: it must not change once cards and labels are handed out.

Invariant: a `Settings` is whole and checked; every wrong variable is named in one `WrongSettings`,
with what was expected, before anything is opened.
"""

import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from environs import Env, EnvValidationError, ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX: Final = "TIMEBANK_"
LOCALES: Final = ("zh", "en")
OFF: Final = "0"
ON: Final = "1"
PORT_MIN: Final = 1
PORT_MAX: Final = 65_535
SECRET_KEY_LENGTH_MIN: Final = 32
SECRET_KEY_BYTES: Final = 32
SECRET_KEY_FILE: Final = "secret-key"  # noqa: S105  # a file name
BOOK_FILE: Final = "timebank.sqlite3"
DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


class WrongSettings(Exception):
    """One or more settings cannot be used; `lines` names each with what was expected."""

    def __init__(self, lines: list[str]) -> None:
        """Keep one sentence per wrong setting."""
        self.lines = lines
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Settings:
    """Everything the operator decides.

    Args:
        database_url: SQLAlchemy address of the book (`sqlite:///…` or `postgresql+psycopg://…`).
        data_dir: folder for the SQLite book, the secret key and uploads; made at the first start.
        host: interface to listen on.
        port: TCP port, 1..65535.
        secret_key: at least 32 characters; signs sessions and is the root of every scannable code.
        base_url: what QR codes carry, without a trailing slash.
        default_locale: `zh` or `en`, for readers who have not chosen.
        webhooks_private_network: `1` lets webhooks send to private and loopback addresses, for a
            receiver on one's own network; `0` refuses them.
        smtp_url: `smtp://USER:PASSWORD@HOST:587` or `smtps://…`; empty sends no e-mail, and
            messages stand in the application alone.
        mail_from: address that e-mail comes from; empty is timebank@ the host of the base URL.
    """

    database_url: str
    data_dir: Path
    host: str
    port: int
    secret_key: str
    base_url: str
    default_locale: str
    webhooks_private_network: bool = False
    smtp_url: str = ""
    mail_from: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether the public address is HTTPS, so that cookies must be Secure."""
        return self.base_url.startswith("https://")

    @property
    def mail_sender(self) -> str:
        """Return the address that e-mail comes from."""
        return self.mail_from or f"timebank@{urlsplit(self.base_url).hostname}"

    @property
    def is_sqlite(self) -> bool:
        """Whether the book is one file."""
        return self.database_url.startswith("sqlite")


def read_settings() -> Settings:
    """Read and check the environment; the first start makes the data folder and the secret key.

    Raises:
        WrongSettings: one line for every setting that cannot be used.
    """
    env = Env(eager=False, prefix=PREFIX)
    data_dir = Path(env.str("DATA_DIR", "data", validate=_not_empty)).absolute()
    database_url = env.str("DATABASE_URL", None, validate=_database_address)
    host = env.str("HOST", "127.0.0.1", validate=_not_empty)
    port = env.str("PORT", "8000", validate=_port)
    secret_key = env.str("SECRET_KEY", None, validate=_secret_key)
    base_url = env.str("BASE_URL", None, validate=_base_address)
    default_locale = env.str("DEFAULT_LOCALE", "zh", validate=_locale)
    private_network = env.str("WEBHOOKS_PRIVATE_NETWORK", "0", validate=_switch)
    smtp_url = env.str("SMTP_URL", "", validate=_mail_server)
    mail_from = env.str("MAIL_FROM", "", validate=_mail_sender)
    try:
        env.seal()
    except EnvValidationError as error:
        raise WrongSettings(_sentences(error)) from error
    return Settings(
        database_url=_with_driver(database_url or f"sqlite:///{data_dir / BOOK_FILE}"),
        data_dir=_prepared(data_dir),
        host=host,
        port=int(port),
        secret_key=secret_key or _kept_secret_key(data_dir),
        base_url=(base_url or f"http://{_visible(host)}:{port}").rstrip("/"),
        default_locale=default_locale,
        webhooks_private_network=private_network == ON,
        smtp_url=smtp_url,
        mail_from=mail_from,
    )


def _sentences(error: EnvValidationError) -> list[str]:
    """Return one sentence per wrong variable, in the order they were read."""
    assert isinstance(error.error_messages, dict), "seal() collects by variable"
    return [f"{name}: {' '.join(texts)}" for name, texts in error.error_messages.items()]


def _not_empty(value: str) -> None:
    if not value.strip():
        raise ValidationError("expected some text, it is empty.")


def _port(value: str) -> None:
    if not (value.isascii() and value.isdigit() and PORT_MIN <= int(value) <= PORT_MAX):
        raise ValidationError(
            f"expected a whole number from {PORT_MIN} to {PORT_MAX}, not {value!r}."
        )


def _secret_key(value: str) -> None:
    if len(value) < SECRET_KEY_LENGTH_MIN:
        raise ValidationError(
            f"expected at least {SECRET_KEY_LENGTH_MIN} characters, it has {len(value)}."
        )
    if not value.isprintable():
        raise ValidationError("expected printable text, it holds other characters.")


def _locale(value: str) -> None:
    if value not in LOCALES:
        raise ValidationError(f"expected {' or '.join(LOCALES)}, not {value!r}.")


def _switch(value: str) -> None:
    if value not in (OFF, ON):
        raise ValidationError(f"expected {OFF} or {ON}, not {value!r}.")


def _mail_server(value: str) -> None:
    """Refuse what is no mail server; the password never appears in the message."""
    if value and not _is_mail_server(value):
        raise ValidationError("expected smtp://USER:PASSWORD@HOST:PORT or smtps://… .")


def _is_mail_server(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    is_whole = parts.scheme in {"smtp", "smtps"} and bool(parts.hostname) and port != 0
    return is_whole and not (parts.path.strip("/") or parts.query or parts.fragment)


def _mail_sender(value: str) -> None:
    name, _, host = value.partition("@")
    if value and not (
        name and host and value.isascii() and value.isprintable() and " " not in value
    ):
        raise ValidationError(f"expected an address such as bank@example.org, not {value!r}.")


def _base_address(value: str) -> None:
    if not _is_base_address(value):
        raise ValidationError(
            f"expected an address such as https://bank.example.org, not {value!r}."
        )


def _is_base_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # half an IPv6 address, or a port that is no number
        return False
    is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    return is_whole and not (parts.query or parts.fragment)


def _database_address(value: str) -> None:
    """Refuse what no driver of ours opens; the password never appears in the message."""
    try:
        backend = make_url(value).get_backend_name()
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        backend = ""
    if backend not in DRIVERS:
        raise ValidationError("expected sqlite:///FILE or postgresql://USER@HOST/NAME.")


def _with_driver(url: str) -> str:
    """Return the address with our driver named, whatever driver was left out."""
    parsed = make_url(url)
    return parsed.set(drivername=DRIVERS[parsed.get_backend_name()]).render_as_string(
        hide_password=False
    )


def _visible(host: str) -> str:
    """Return a host that a browser on this machine can open."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  # compared, not bound


def _prepared(data_dir: Path) -> Path:
    """Make the data folder and prove that it can be written."""
    _or_wrong_folder(lambda: data_dir.mkdir(mode=0o700, parents=True, exist_ok=True), data_dir)
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise WrongSettings([_folder_sentence(data_dir, "it is not writable")])
    return data_dir


def _kept_secret_key(data_dir: Path) -> str:
    """Return the key of the data folder, made with mode 0600 at the first start.

    Raises:
        WrongSettings: the folder or the file cannot be used.
    """
    path = data_dir / SECRET_KEY_FILE
    if not path.exists():
        _or_wrong_folder(lambda: _make_secret_key(path), data_dir)
    try:
        value = path.read_text(encoding="utf-8").strip()
        _secret_key(value)
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise WrongSettings([_key_sentence(path, error)]) from error
    return value


def _make_secret_key(path: Path) -> None:
    """Make the file at one stroke: whoever sees it sees a whole key.

    The link decides between two first starts: the loser reads the winner's key.
    """
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
        file.write(secrets.token_urlsafe(SECRET_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


def _key_sentence(path: Path, error: Exception) -> str:
    if isinstance(error, ValidationError):
        reason = " ".join(str(text) for text in error.messages)
    elif isinstance(error, OSError):
        reason = f"expected a file that can be read: {error.strerror}."
    else:
        reason = "expected printable text, it holds other bytes."
    return f"{PREFIX}SECRET_KEY: the key in {path}: {reason}"


def _or_wrong_folder(action: Callable[[], None], data_dir: Path) -> None:
    try:
        action()
    except OSError as error:
        raise WrongSettings([_folder_sentence(data_dir, error.strerror)]) from error


def _folder_sentence(data_dir: Path, reason: str | None) -> str:
    return f"{PREFIX}DATA_DIR: expected a folder that can be written, {data_dir}: {reason}."
