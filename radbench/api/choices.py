"""Which models a shift is run on: those that were asked for, or those that it names; and the control models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from radbench.declared import model_path
from radbench.errors import UsageError
from radbench.specs import ModelSpec, ShiftSpec, load_model

ModelName: TypeAlias = str | Path | ModelSpec
"""A declared model's name, its YAML file, or the declaration itself."""


@dataclass(frozen=True)
class Choice:
    """The models of one shift, narrowed to its task: those under test, and those that only check the instrument."""

    models: tuple[ModelSpec, ...]
    controls: tuple[ModelSpec, ...] = ()


def choose_models(
    shift: ShiftSpec,
    models: Sequence[ModelName] = (),
    controls: Sequence[ModelName] = (),
    *,
    fitting: bool = False,
    own: Sequence[str] | None = None,
) -> Choice:
    """Return the models to run on a shift.

    Control models are those that the shift names and those that are asked for. A model that is asked for as
    one kind is not run as the other as well, whatever the shift says of it.

    Args:
        shift: The shift.
        models: Names, YAML files or declarations of the models under test; those that the shift names if there are
            none.
        controls: Likewise, further control models.
        fitting: Leave out what is asked for and answers another question, instead of refusing it. Then there
            may be no model left.
        own: Names of models that the user holds in Python; then the shift's own models are left out.

    Raises:
        UsageError: There is no model, two have one name, one is asked for as both kinds, or one answers
            another question than the shift asks.
    """
    if shift.is_natural and controls and not fitting:
        raise UsageError(
            f"The shift '{shift.name}' compares real films and has no editor that a control model could check; ask for "
            "the model with --model."
        )
    asked, asked_controls = load_declared(models), load_declared(() if shift.is_natural else controls)
    _refuse_both(asked, asked_controls)
    tested = asked or [
        spec for spec in load_declared(shift.models) if spec.name not in {c.name for c in asked_controls}
    ]
    if own:
        tested = asked
    if not (tested or own):
        raise UsageError(f"The shift '{shift.name}' names no models; choose one with --model.")
    taken = {spec.name for spec in [*tested, *asked_controls]} | set(own or ())
    checking = [
        spec for spec in load_declared(shift.control_models) if spec.name not in taken
    ] + asked_controls
    if fitting:
        tested, checking = ([spec for spec in specs if fits(shift, spec)] for specs in (tested, checking))
    for spec in [*tested, *checking]:
        _refuse_unfit(shift, spec)
    _refuse_twice([*(spec.name for spec in [*tested, *checking]), *(own or ())])
    tested, checking = ([spec.answering(shift.task) for spec in specs] for specs in (tested, checking))
    return Choice(tuple(tested), tuple(checking))


def fits(shift: ShiftSpec, spec: ModelSpec) -> bool:
    """Whether a model answers what a shift asks: the same target, as a class or as a mask."""
    return spec.target == shift.target and spec.answers(shift.task)


def load_declared(models: Iterable[ModelName]) -> list[ModelSpec]:
    """Return the declarations, each once.

    Raises:
        UsageError: A name or a file that is none of a model.
    """
    named: list[str | ModelSpec] = []
    for model in models:
        one = model if isinstance(model, ModelSpec) else str(model)
        named += [] if one in named else [one]
    return [one if isinstance(one, ModelSpec) else load_model(model_path(one)) for one in named]


def _refuse_both(models: Sequence[ModelSpec], controls: Sequence[ModelSpec]) -> None:
    both = {spec.name for spec in models} & {spec.name for spec in controls}
    if both:
        raise UsageError(
            f"The model '{min(both)}' is asked for with --model and with --control; expected one of the two."
        )


def _refuse_unfit(shift: ShiftSpec, spec: ModelSpec) -> None:
    if spec.target != shift.target:
        raise UsageError(
            f"The model '{spec.name}' predicts '{spec.target}', the shift '{shift.name}' needs a model "
            f"that predicts '{shift.target}'; choose another with --model."
        )
    if not fits(shift, spec):
        raise UsageError(
            f"The model '{spec.name}' has task '{spec.task}', the shift '{shift.name}' needs a model for "
            f"{shift.task}; choose another with --model."
        )


def _refuse_twice(names: Sequence[str]) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"Two models are called '{min(twice)}'; give each its own name.")
