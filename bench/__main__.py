"""`python -m bench [workload …]`: measure, print, write `bench/results`.

Without a name everything is measured but `checkin`, which takes half an hour. `--rounds` is at
least five.
"""

import argparse
from collections.abc import Callable

from bench import (
    bulk,
    checkin,
    http,
    large_books,
    rosters,
    sealer,
    single_posts,
    sqlite_posts,
    till,
)
from bench.measure import ROUNDS_MIN
from bench.peers import hordak

WORKLOADS: dict[str, Callable[[int], None]] = {
    "posts": single_posts.run,
    "large": large_books.run,
    "bulk": bulk.run,
    "sealer": sealer.run,
    "sqlite": sqlite_posts.run,
    "peers": hordak.run,
    "http": http.run,
    "rosters": rosters.run,
    "till": till.run,
}
"""posts: W1, W1s, W2. large: W4, W5, W6. bulk: W3, W3b. sqlite: W7. http: W8, W9, memory.

rosters: a year of shifts, in seconds; till: a crowd at two tills. Both are no ratios.
"""
DATABASES = ("sqlite", "postgresql")


def main() -> None:
    """Run the workloads that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="workload", help=f"{', '.join(WORKLOADS)}, checkin"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS_MIN)
    parser.add_argument("--minutes", type=float, default=checkin.MINUTES, help="of checkin")
    parser.add_argument("--on", choices=DATABASES, action="append", help="database of checkin")
    asked = parser.parse_args()
    workloads: dict[str, Callable[[int], None]] = {
        **WORKLOADS,
        "checkin": lambda _: checkin.run(asked.minutes, tuple(asked.on or DATABASES)),
    }
    unknown = set(asked.names) - workloads.keys()
    if unknown or asked.rounds < ROUNDS_MIN:
        parser.error(f"workloads are {', '.join(workloads)}; rounds are at least {ROUNDS_MIN}")
    for name in asked.names or WORKLOADS:
        print(f"{name}:", flush=True)
        workloads[name](asked.rounds)


if __name__ == "__main__":
    main()
