"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


DeviceOption = Annotated[Device, typer.Option(help="Where networks run; auto takes a GPU if there is one.")]


Out = Annotated[Path | None, typer.Option(help="Folder for the results.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the edits and the intervals.")]
BatchSize = Annotated[
    int, typer.Option(min=1, help="Images edited at once; bounds the memory, never changes a pixel.")
]


class PrecisionName(StrEnum):
    """Arithmetic of the noise predictor."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


PrecisionOption = Annotated[
    PrecisionName | None, typer.Option("--precision", help="Of the noise predictor, instead of the shift's.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes that edit; on several GPUs one each.")]
Bundle = Annotated[
    str | None, typer.Option(help="Diffusion bundle to use instead of the shift's: folder or YAML file.")
]
NamedBundle = Annotated[
    str, typer.Option(help="Diffusion bundle: phantom, a folder, or the YAML of an assembly.")
]
Models = Annotated[
    list[str] | None, typer.Option(help="Name or YAML file of a model; repeatable. Default: the shift's.")
]


class Bench(StrEnum):
    """What ``radbench bench`` measures."""

    INVERSION = "inversion"
    HARNESS = "harness"
    COMPOSITE = "composite"
    LAST_STEP = "last-step"
    BOOTSTRAP = "bootstrap"
    COVERAGE = "coverage"
    REPORT = "report"
    INDEX = "index"
