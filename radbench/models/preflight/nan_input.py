"""What a model makes of an image that holds NaN."""

from collections.abc import Iterator

import numpy as np

from radbench.models.base import ModelFailureError
from radbench.models.finding import Finding
from radbench.models.outputs import of_wanted_output
from radbench.models.preflight.session import Session, forward
from radbench.models.preprocess import to_batch

_CHECK = "NaN input"
_STATED = "no answer, or an error"


def nan_input(session: Session) -> Iterator[Finding]:
    """Show a batch whose first image is NaN in one quarter; asked last, as the model may not survive it."""
    contract = session.spec.input
    if not session.rows or np.dtype(contract.dtype).kind != "f":
        return
    rows = session.rows
    batch = np.array(to_batch(session.probe.images[:rows], contract, rows))
    height, width = contract.spatial_shape
    quarter = (slice(0, height // 2), slice(0, width // 2))
    batch[(0, slice(None), *quarter) if contract.layout == "NCHW" else (0, *quarter)] = np.nan
    try:
        found = forward(session.model, batch)
        _, values = of_wanted_output(session.spec, found)
    except ModelFailureError as error:
        yield Finding(
            _CHECK,
            "note",
            _STATED,
            f"stops with an error ({error.kind})",
            "It does not answer such an image.",
        )
        return
    yield _seen(session, values)


def _seen(session: Session, values: np.ndarray) -> Finding:
    first, others = values[0], values[1 : len(session.probe.images)]
    if values.dtype.kind == "f" and not np.isfinite(others).all():
        meaning = "A damaged image spoils the answers to its neighbours in the batch."
        return Finding(_CHECK, "warning", _STATED, "NaN for other images of the batch too", meaning)
    if values.dtype.kind == "f" and np.isnan(first).any():
        return Finding(_CHECK, "ok", _STATED, "NaN, which counts as no answer")
    meaning = (
        "It answers as if nothing were wrong: damaged images have to be found before they reach the model."
    )
    return Finding(_CHECK, "note", _STATED, "an ordinary answer", meaning)
