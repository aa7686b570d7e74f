"""Exports and verification of the whole book."""
