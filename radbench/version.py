"""The version of radbench, as it stands in every result and test set."""

__version__ = "0.1.0"
