"""Other ledgers, each in an environment of its own."""
