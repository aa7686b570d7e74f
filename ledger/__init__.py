"""The double-entry kernel: books, accounts, transactions, postings. It knows no people and no web."""
