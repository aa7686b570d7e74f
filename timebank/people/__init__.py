"""Organisations, members, sign-in, cards."""
