"""Whether the models of an audit answer what its shift asks."""

from collections.abc import Mapping, Sequence

from radbench.errors import UsageError
from radbench.models.base import ModelUnderTest
from radbench.specs import ShiftSpec


def check_models(
    shift: ShiftSpec, models: Sequence[ModelUnderTest], further: Mapping[str, Sequence[ModelUnderTest]]
) -> None:
    """Refuse models that answer another question, and two of one name.

    Args:
        shift: what is asked.
        models: all that are shown the test set.
        further: further training runs by a model's name.

    Raises:
        UsageError: such a model, or runs of a model that is not there.
    """
    names = [model.spec.name for model in models]
    unknown = [name for name in further if name not in names]
    twice = [name for name in names if names.count(name) > 1]
    if unknown or twice:
        said = (
            f"checkpoints names '{unknown[0]}', which" if unknown else f"Two models are called '{twice[0]}',"
        )
        wanted = "is none of the models" if unknown else "expected a name for each"
        raise UsageError(f"{said} {wanted}; the models are {', '.join(names)}.")
    for model in [*models, *(run for runs in further.values() for run in runs)]:
        _check_question(shift, model)


def _check_question(shift: ShiftSpec, model: ModelUnderTest) -> None:
    spec = model.spec
    if spec.target != shift.target:
        raise UsageError(
            f"Model '{spec.name}' predicts '{spec.target}', expected '{shift.target}', which "
            f"shift '{shift.name}' measures; choose a model with that target."
        )
    if not spec.answers(shift.task):
        raise UsageError(
            f"Model '{spec.name}' has task '{spec.task}', expected one that answers a {shift.task}, which "
            f"shift '{shift.name}' measures; choose a model with such a task."
        )
