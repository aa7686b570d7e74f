"""Benchmarks: each prints ratios measured in one run and checks the books afterwards."""
