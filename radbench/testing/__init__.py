"""Robustness as a test: ``from radbench.testing import assert_robust`` in a model's own test suite."""

from radbench.testing.robust import assert_robust

__all__ = ["assert_robust"]
