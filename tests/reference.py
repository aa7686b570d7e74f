"""Writes docs/reference.md from the code itself: settings, commands, addresses, refusals.

Run as a program (`make reference`) after any of them changed; a test compares.
"""

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from flask import Flask

from tests.applications import application, settings_for
from timebank.errors import Refusal
from timebank.settings import PREFIX, Settings
from web.auth import access_table
from web.cli import main as command_line

PATH = Path(__file__).parent.parent / "docs" / "reference.md"
HEAD = """# Reference

Made from the code by `make reference`; a test fails when it is not up to date.
"""


def reference(app: Flask) -> str:
    """Return the whole page."""
    parts = (HEAD, *_settings(), *_commands(), *_addresses(app), *_refusals())
    return "\n".join(parts) + "\n"


def _settings() -> Iterator[str]:
    """One row per field of `Settings`, from its docstring."""
    documented = re.findall(r"^ {8}(\w+): (.+(?:\n {12}.+)*)", Settings.__doc__ or "", re.MULTILINE)
    yield "## Settings\n\nRead from the environment once, at the start.\n"
    rows = ((f"`{PREFIX}{name.upper()}`", " ".join(text.split())) for name, text in documented)
    yield from _table(("setting", "meaning"), rows)


def _commands() -> Iterator[str]:
    yield "\n## Commands\n"
    yield from _table(
        ("command", "what it does"),
        (
            (f"`{path}`", (command.help or "").split("\n\n")[0].replace("\n", " "))
            for path, command in _walk("timebank", command_line)
        ),
    )


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, f"{name} is a command"
            yield from _walk(f"{path} {name}", child)
        return
    parameters = (
        f"[{parameter.opts[-1]}]"
        if isinstance(parameter, click.Option)
        else parameter.human_readable_name
        for parameter in command.params
    )
    yield " ".join((path, *parameters)), command


def _addresses(app: Flask) -> Iterator[str]:
    """One row per address, with who may come and what for."""
    access = access_table(app)
    yield "\n## Addresses\n\n`public`, or the permission that is asked for.\n"
    rules = sorted(
        app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))
    )
    yield from _table(
        ("address", "methods", "access", "what for"),
        (
            (
                f"`{rule.rule}`",
                " ".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})),
                str(access[rule.endpoint]),
                _summary(app.view_functions[rule.endpoint]),
            )
            for rule in rules
        ),
    )


def _refusals() -> Iterator[str]:
    """One row per code, of the leaves and of the four parents."""
    yield "\n## Refusals\n\nThe API answers `{code, message, details}`; a code never changes.\n"
    kinds = {(kind.code, kind.status, kind.message) for kind in _subclasses(Refusal)}
    rows = ((f"`{code}`", str(status), message) for code, status, message in sorted(kinds))
    yield from _table(("code", "status", "message"), rows)


def _subclasses(parent: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)


def _summary(view: object) -> str:
    return (getattr(view, "__doc__", None) or "").strip().split("\n")[0]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def main() -> int:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_for(f"sqlite:///{folder}/book.sqlite3", Path(folder))
        PATH.write_text(reference(application(settings)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
