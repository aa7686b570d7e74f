"""Verify: the whole of every book checked again, as if nobody could be trusted.

Words: a *check* is one pass over one book; a *finding* is one thing that is not as it should be. The
kernel checks the book by itself (legs, sums, balances, hashes, guards); the areas' papers are compared
with it here. All findings are collected: one fault does not hide the next.
"""
