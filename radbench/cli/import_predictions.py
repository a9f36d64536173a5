"""The command ``import-predictions``: a vendor's answers to an exported test set become a model under test."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.api.importing import Imported


class Meaning(StrEnum):
    """What the answers mean; see a model's ``output``."""

    PROBABILITIES = "probabilities"
    CALIBRATED = "calibrated"
    LOGITS = "logits"
    LABELS = "labels"


def import_predictions(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    table: Annotated[
        Path,
        typer.Argument(help="CSV, JSON Lines or Parquet table, or a folder of masks.", show_default=False),
    ],
    *,
    shift: Annotated[str, typer.Option(help="The shift that the set was exported for: name or YAML file.")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    target_file: Annotated[
        Path | None, typer.Option(help="YAML file of the model to write. [default: NAME.yaml]")
    ] = None,
    testset: Annotated[
        Path | None, typer.Option(help="The exported folder. [default: radbench-out/SHIFT-testset]")
    ] = None,
    output: Annotated[
        Meaning | None,
        typer.Option(
            help="What the answers mean. [default: labels for a column 'label' and masks, else probabilities]"
        ),
    ] = None,
    operating_point: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Score from which the model says yes, as its vendor fixed it. [default: 0.5]",
        ),
    ] = None,
    exploratory: Annotated[
        bool, typer.Option("--exploratory", help="The operating point was not fixed before the audit.")
    ] = False,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Name of a class, in the order of the numbers; repeatable."),
    ] = None,
    target_class: Annotated[
        str | None, typer.Option(help="The vendor's name of the shift's target, if it is another.")
    ] = None,
    indeterminate: Annotated[
        list[str] | None, typer.Option(help="An answer that means 'cannot say'; repeatable.")
    ] = None,
    intended_use: Annotated[
        str | None, typer.Option(help="What the vendor says that the model is for.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
) -> None:
    """Check a vendor's answers against the exported set and declare them as a model for `radbench run`."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.importing import import_predictions as read

        found = read(
            table,
            shift,
            name,
            target_file=target_file,
            testset=testset,
            output=None if output is None else output.value,
            operating_point=operating_point,
            exploratory=exploratory,
            classes=classes or (),
            target_class=target_class,
            indeterminate=indeterminate or (),
            intended_use=intended_use,
            force=force,
        )
        print_imported(Console(), shift, found)


def print_imported(console: "Console", shift: str, found: "Imported") -> None:
    """Print how many images are answered, and the command that audits the model."""
    from radbench.cli.progress import say

    tally = found.tally
    silent = tally.silent + tally.absent
    for note in tally.notes:
        say(console, f"Read as: {note}.")
    say(console, f"{tally.answered} of {tally.answered + silent} images are answered.")
    if silent:
        absent = f"{tally.silent} by an empty one, {tally.absent} by none"
        say(console, f"{silent} have no answer ({absent}) and are counted so.")
    words = ["radbench", "run", "--shift", shift, "--model", str(found.model)]
    for option, usual in (("limit", None), ("seed", 0), ("bundle", None), ("device", "auto")):
        if found.key.get(option, usual) != usual:
            words += [f"--{option}", str(found.key[option])]
    say(console, f"Model: {found.model}")
    say(console, f"Audit: {shlex.join(words)}")
