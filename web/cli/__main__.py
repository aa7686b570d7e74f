"""`python -m web.cli`: the command line where the console script is not installed."""

from web.cli import main

main(prog_name="timebank")
