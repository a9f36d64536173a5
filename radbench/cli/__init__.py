"""The command line: words and exit codes. Heavy libraries are imported inside the commands that need them."""

from radbench.cli.app import main

__all__ = ["main"]
