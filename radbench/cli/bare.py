"""A declared shift stripped to its stress edits, for what compares edits and needs no controls of its own."""

from radbench.specs import ShiftSpec


def stress_only(shift: ShiftSpec) -> ShiftSpec:
    """Return the shift without doses, sham and placebo edits; its stress edits are the same to the pixel."""
    scenarios = [
        scenario.model_copy(
            update={
                "editor": None if scenario.editor is None else scenario.editor.main,
                "sham_prompt": None,
                "placebo": None,
            }
        )
        for scenario in shift.scenarios
    ]
    return shift.model_copy(
        update={
            "editor": shift.editor.main,
            "scenarios": scenarios,
            "controls": shift.controls.model_copy(update={"sham": False}),
        }
    )
