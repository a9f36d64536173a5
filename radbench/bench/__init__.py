"""Benchmarks: ratios against a naive reference in the same run, errors against the truth, coverage of intervals.

They may use every room and are used by ``radbench bench`` alone.
"""
