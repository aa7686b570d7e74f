"""The command line: `timebank COMMAND`. It parses, opens the book, calls one rule and prints.

Every command answers an expected refusal, a wrong setting and an unreachable book with one line on
the standard error stream and an exit code other than 0, never with a trace. A command's module is
imported when the command is asked for: `serve` is to be up at once.
"""

import gc
from importlib import import_module
from typing import Any, Final

import click

COMMANDS: Final = {
    "community": "web.cli.people:community",
    "db": "web.cli.tables:db",
    "demo": "web.cli.serving:demo",
    "export": "web.cli.exports:export",
    "import": "web.cli.imports:import_",
    "holds": "web.cli.sealing:holds",
    "period": "web.cli.periods:period",
    "receipt": "web.cli.receipts:receipt",
    "seal": "web.cli.sealing:seal",
    "serve": "web.cli.serving:serve",
    "user": "web.cli.people:user",
    "verify": "web.cli.books:verify",
    "webhooks": "web.cli.webhooks:webhooks",
}
YOUNG_OBJECTS_MAX: Final = 50_000
"""Between two rounds of the garbage collector. What a start makes stays: under Python's own 700 the
collector walks all of it again and again, for a tenth of the start."""


class Commands(click.Group):
    """The commands by name, imported on demand, with errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), f"{COMMANDS[cmd_name]} is a command"
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what we foresee becomes click's own one-line error."""
        gc.set_threshold(YOUNG_OBJECTS_MAX)
        from web.cli.book import one_line_errors

        with one_line_errors():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="timebank")
def main() -> None:
    """Keep a community's book of volunteer time, points and goods.

    Settings come from the environment, prefix TIMEBANK_; the README lists them.
    """
