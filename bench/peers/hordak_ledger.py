"""django-hordak as its own documentation uses it; run by the Python of its own environment.

Usage: hordak_ledger.py FOLDER DATABASE WORK [OPTIONS AS JSON]. FOLDER holds the server's socket;
WORK is `make`, `post`, `read` or `check`. Prints one JSON value.
"""

import json
import os
import random
import sys
import time
from multiprocessing import Barrier, Process, Queue
from typing import Any

ACCOUNT_COUNT = 1_000
CURRENCY = "XPT"


def _set_up(folder: str, database: str) -> None:
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY=os.urandom(8).hex(),
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DEFAULT_CURRENCY=CURRENCY,
        CURRENCIES=[CURRENCY],
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": folder,
                "NAME": database,
                "USER": "timebank_owner",
                "CONN_MAX_AGE": None,
            }
        },
    )
    django.setup()


def make(_options: dict[str, Any]) -> int:
    """Migrate, and open the accounts."""
    from django.core.management import call_command
    from hordak.models import Account, AccountType

    call_command("migrate", verbosity=0)
    with Account.objects.disable_mptt_updates():
        for number in range(ACCOUNT_COUNT):
            Account(
                name=str(number),
                code=str(number),
                type=AccountType.asset,
                currencies=[CURRENCY],
                lft=0, rght=0, level=0, tree_id=number + 1,
            ).save()  # fmt: skip
    Account.objects.rebuild()
    return ACCOUNT_COUNT


def post(options: dict[str, Any]) -> dict[str, float]:
    """Post transfers from several processes; every one debits account 0 when `is_hot`."""
    results: Any = Queue()
    barrier = Barrier(options["clients"])
    workers = [
        Process(target=_client, args=(options, number, barrier, results))
        for number in range(options["clients"])
    ]
    for worker in workers:
        worker.start()
    counted = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return {
        "rate": sum(count / elapsed for count, elapsed in counted),
        "count": sum(count for count, _ in counted),
    }


def _client(options: dict[str, Any], number: int, barrier: Any, results: Any) -> None:
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    accounts = list(Account.objects.order_by("id"))
    chance, one = random.Random(number), Money(1, CURRENCY)

    def once() -> None:
        source = accounts[0] if options["is_hot"] else chance.choice(accounts[:500])
        with transaction.atomic():
            source.transfer_to(chance.choice(accounts[500:]), one)

    once()
    barrier.wait()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < options["seconds"]:
        once()
        count += 1
    results.put((count, time.perf_counter() - start))


def read(options: dict[str, Any]) -> float:
    """Return balances per second of accounts taken at random."""
    from hordak.models import Account

    accounts = list(Account.objects.order_by("id"))
    chance = random.Random(1)
    start = time.perf_counter()
    for _ in range(options["reads"]):
        chance.choice(accounts).get_simple_balance()
    return float(options["reads"]) / (time.perf_counter() - start)


def check(_options: dict[str, Any]) -> float:
    """Return how many seconds its own check of the book takes."""
    from hordak.models import Account

    start = time.perf_counter()
    Account.validate_accounting_equation()
    return time.perf_counter() - start


def main() -> None:
    """Do one piece of work and print the answer."""
    folder, database, work, *rest = sys.argv[1:]
    _set_up(folder, database)
    answer = globals()[work](json.loads(rest[0]) if rest else {})
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
