"""The rules of the community book, by area. It knows the ledger, not the web."""
