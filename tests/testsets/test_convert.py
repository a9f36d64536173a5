from testset_world import TinyCohort, plan_of, shift

from radbench.diffusion.editors import EditSettings
from radbench.specs.shift import EditorSpec, PasteBack
from radbench.testsets.convert import as_edit_settings, edit_settings


def test_every_setting_reaches_the_editor():
    declared = EditorSpec(
        num_inference_steps=17,
        guidance_scale=3.5,
        skip_ratio=0.4,
        mask_threshold=0.25,
        paste_back=PasteBack(enabled=True, feather=2.5),
    )
    task = plan_of(TinyCohort(4), shift(editor=declared)).tasks[0]
    assert as_edit_settings(task) == EditSettings(17, 3.5, 0.4, 0.25, paste_back=True, feather=2.5)


def test_the_settings_are_all_of_the_editors_and_of_the_right_type():
    settings = edit_settings(EditorSpec(guidance_scale=15))
    assert set(settings) == set(EditSettings.__dataclass_fields__)
    assert isinstance(settings["guidance_scale"], float)
