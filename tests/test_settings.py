import errno
import os
from pathlib import Path

import pytest

from timebank.settings import PREFIX, Settings, WrongSettings, read_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "DATABASE_URL",
        "HOST",
        "PORT",
        "SECRET_KEY",
        "BASE_URL",
        "DEFAULT_LOCALE",
        "WEBHOOKS_PRIVATE_NETWORK",
        "SMTP_URL",
        "MAIL_FROM",
    ):
        monkeypatch.delenv(PREFIX + name, raising=False)
    monkeypatch.setenv("TIMEBANK_DATA_DIR", str(tmp_path / "data"))


def _wrong(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> list[str]:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(WrongSettings) as caught:
        read_settings()
    return caught.value.lines


def test_defaults_are_an_sqlite_book_in_the_data_folder(tmp_path: Path) -> None:
    settings = read_settings()

    assert settings.database_url == f"sqlite:///{tmp_path}/data/timebank.sqlite3"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.default_locale == "zh"
    assert not settings.webhooks_private_network
    assert settings.is_sqlite
    assert not settings.is_secure


def test_secret_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = read_settings()
    second = read_settings()

    path = tmp_path / "data" / "secret-key"
    assert first.secret_key == second.secret_key == path.read_text()
    assert len(first.secret_key) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0


def test_every_setting_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "DATABASE_URL": "postgresql://bank@db/bank",
        "HOST": "0.0.0.0",
        "PORT": "80",
        "SECRET_KEY": "k" * 32,
        "BASE_URL": "https://bank.example.org/",
        "DEFAULT_LOCALE": "en",
        "WEBHOOKS_PRIVATE_NETWORK": "1",
        "SMTP_URL": "smtps://bank:pw@mail.example.org:465",
        "MAIL_FROM": "bank@example.org",
    }
    for name, value in given.items():
        monkeypatch.setenv(PREFIX + name, value)

    settings = read_settings()

    assert settings == Settings(
        database_url="postgresql+psycopg://bank@db/bank",
        data_dir=settings.data_dir,
        host="0.0.0.0",
        port=80,
        secret_key="k" * 32,
        base_url="https://bank.example.org",
        default_locale="en",
        webhooks_private_network=True,
        smtp_url="smtps://bank:pw@mail.example.org:465",
        mail_from="bank@example.org",
    )
    assert settings.is_secure


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "eighty", "expected a whole number from 1 to 65535, not 'eighty'."),
        ("PORT", "0", "expected a whole number from 1 to 65535, not '0'."),
        ("PORT", "65536", "expected a whole number from 1 to 65535, not '65536'."),
        ("PORT", "８０００", "expected a whole number from 1 to 65535, not '８０００'."),
        ("SECRET_KEY", "k" * 31, "expected at least 32 characters, it has 31."),
        ("DEFAULT_LOCALE", "fr", "expected zh or en, not 'fr'."),
        ("WEBHOOKS_PRIVATE_NETWORK", "yes", "expected 0 or 1, not 'yes'."),
        ("HOST", " ", "expected some text, it is empty."),
        ("BASE_URL", "bank.example.org", "not 'bank.example.org'."),
        ("BASE_URL", "ftp://bank.example.org", "not 'ftp://bank.example.org'."),
        ("BASE_URL", "http://[::1", "not 'http://[::1'."),
        ("BASE_URL", "http://a:b:c", "not 'http://a:b:c'."),
        ("BASE_URL", "http://:80", "not 'http://:80'."),
        ("SECRET_KEY", "k" * 32 + "\n", "expected printable text"),
        ("DATABASE_URL", "postgresql://u:hidden@127.0.0.1:abc/x", "expected sqlite:///FILE or"),
        ("DATABASE_URL", "mysql://u:hidden@h/d", "expected sqlite:///FILE or postgresql://"),
        ("DATABASE_URL", "nonsense", "expected sqlite:///FILE or postgresql://"),
    ],
)
def test_wrong_setting_is_named_with_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    (line,) = _wrong(monkeypatch, name, value)

    assert line.startswith(f"TIMEBANK_{name}: ")
    assert expected in line
    assert "hidden" not in line


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMEBANK_PORT", "x")
    lines = _wrong(monkeypatch, "DEFAULT_LOCALE", "x")

    assert [line.partition(":")[0] for line in lines] == [
        "TIMEBANK_PORT",
        "TIMEBANK_DEFAULT_LOCALE",
    ]


@pytest.mark.parametrize("port", ["1", "65535"])
def test_ports_at_the_border_are_taken(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("TIMEBANK_PORT", port)

    assert read_settings().port == int(port)


def test_a_file_in_place_of_the_data_folder_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    (line,) = _wrong(monkeypatch, "DATA_DIR", str(tmp_path / "file" / "data"))

    assert line.startswith("TIMEBANK_DATA_DIR: expected a folder that can be written")


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (b"", "expected at least 32 characters, it has 0."),
        (b"k" * 31, "expected at least 32 characters, it has 31."),
        (b"k" * 31 + b"\x00k", "expected printable text"),
        (b"\xff" * 40, "expected printable text"),
    ],
)
def test_a_kept_secret_key_is_checked_like_a_given_one(
    tmp_path: Path, kept: bytes, expected: str
) -> None:
    path = tmp_path / "data" / "secret-key"
    path.parent.mkdir()
    path.write_bytes(kept)

    with pytest.raises(WrongSettings) as caught:
        read_settings()

    (line,) = caught.value.lines
    assert line.startswith(f"TIMEBANK_SECRET_KEY: the key in {path}: ")
    assert expected in line
    assert path.read_bytes() == kept


def test_a_full_disk_leaves_no_half_of_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(WrongSettings) as caught:
        read_settings()

    assert "No space left on device" in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []
