"""The command line: `timebank COMMAND`. It parses, opens the book, calls one rule and prints.

Every command answers an expected refusal, a wrong setting and an unreachable book with one line on
the standard error stream and an exit code other than 0, never with a trace.
"""

import click

from web.cli import books, people, serving, tables
from web.cli.book import OneLineErrors


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="timebank")
def main() -> None:
    """Keep a community's book of volunteer time, points and goods.

    Settings come from the environment, prefix TIMEBANK_; the README lists them.
    """


main.add_command(serving.serve)
main.add_command(serving.demo)
main.add_command(tables.db)
main.add_command(people.community)
main.add_command(people.user)
main.add_command(books.verify)
main.add_command(books.export)
