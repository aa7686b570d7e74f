"""The double-entry kernel: books, accounts, transactions, postings. No people, no web."""
