"""Options that several commands share."""

from enum import StrEnum
from typing import Annotated

import typer


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


DeviceOption = Annotated[Device, typer.Option(help="Where networks run; auto takes a GPU if there is one.")]


class Bench(StrEnum):
    """What ``radbench bench`` measures."""

    INVERSION = "inversion"
    HARNESS = "harness"
    COMPOSITE = "composite"
    LAST_STEP = "last-step"
    BOOTSTRAP = "bootstrap"
    COVERAGE = "coverage"
    REPORT = "report"
