"""Robustness as a test: ``from radbench.testing import assert_robust`` in a model's own test suite."""
