"""Servers of the Open Inference Protocol, version 2 (https://github.com/kserve/open-inference-protocol): where one is
and what it says of a model, read with the standard library alone and within bounds.
"""  # noqa: D205
