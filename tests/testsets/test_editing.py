from types import SimpleNamespace

import pytest
from testset_world import TinyCohort, TinyEditor, bundle, plan_of, scenario, shift

from radbench.specs.scenario import EditorSpec, Placebo
from radbench.specs.shift import ControlsSpec
from radbench.testsets.build import build_testset
from radbench.testsets.task import as_edit_settings

SPEC = shift(
    scenario("a", placebo=Placebo(select={"pneumothorax": 0})),
    scenario("b", select={"drain": 1}, prompt="Other."),
    scenario("c", prompt="Third.", editor=EditorSpec(name="sdedit", skip_ratio=[0.5, 0.1])),
    editor=EditorSpec(guidance_scale=[3.0, 1.0, 5.0]),
    controls=ControlsSpec(),
)


class CallLog(TinyEditor):
    """Remembers what each call asked for."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def edit(self, bundle, requests, settings, *, batch_size=8):
        self.calls.append(list(requests))
        return super().edit(bundle, requests, settings, batch_size=batch_size)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    cohort, editor = TinyCohort(8), CallLog()
    plan = plan_of(cohort, SPEC)
    cache = tmp_path_factory.mktemp("cache")
    testset = build_testset(plan, cohort, bundle, cache=cache, editor=editor, batch_size=1)
    return SimpleNamespace(plan=plan, editor=editor, testset=testset, cohort=cohort)


def test_all_edits_of_an_image_are_asked_for_in_one_call_side_by_side(built):
    assert len(built.editor.calls) > 3
    tasks = {task.key: task for task in built.plan.tasks}
    seen = set()
    for call in built.editor.calls:
        images = [tasks[request.key].source_sha256 for request in call]
        editors = {tasks[request.key].editor for request in call}
        assert len(editors) == 1
        runs = [image for place, image in enumerate(images) if place == 0 or images[place - 1] != image]
        assert len(runs) == len(set(runs))
        here = {(*editors, image) for image in images}
        assert not here & seen
        seen |= here


def test_every_edit_is_asked_for_once_with_its_own_settings_and_noise(built):
    tasks = {task.key: task for task in built.plan.tasks}
    asked = [request for call in built.editor.calls for request in call]
    assert sorted(request.key for request in asked) == sorted(tasks)
    for request in asked:
        assert request.settings == as_edit_settings(tasks[request.key])
        assert request.seed == tasks[request.key].rng_seed
    assert len({(request.image.tobytes(), request.seed) for request in asked}) == len(
        {(task.source_sha256, task.editor) for task in built.plan.tasks}
    )


def test_the_records_keep_the_plan_s_order_and_arms(built):
    assert [(r.key, r.arm, r.dose, r.masks_of) for r in built.testset.records] == [
        (t.key, t.arm, t.dose, t.masks_of) for t in built.plan.tasks
    ]
    assert {r.arm for r in built.testset.records} == {"stress", "sham", "placebo", "dose"}
    assert {r.arm for r in built.testset.usable} == {"stress"}
    assert sum(len(built.testset.of(arm)) for arm in ("stress", "sham", "placebo", "dose")) == len(
        built.testset.records
    )
    paths = [record.files["image"].path for record in built.testset.records]
    assert len(set(paths)) == len(paths)


def test_a_placebo_shows_another_study_s_masks_on_its_own_image(built):
    by_id = {study.study_id: study for study in built.cohort.studies}
    for record in built.testset.of("placebo"):
        source = built.cohort.image(by_id[record.study_id])
        assert (built.testset.reconstruction(record) == source ^ 1).all()
        edited = built.testset.image(record) != source
        assert not (edited & ~built.testset.edit_mask(record)).any()


def test_the_funnel_is_told_by_scenario_and_the_editors_in_the_datasheet(built):
    funnel = built.testset.attrition_by_scenario
    assert list(funnel) == ["a", "b", "c"]
    assert [funnel[name]["tasks"] for name in funnel] == [4, 2, 4]
    assert sum(part["ok"] for part in funnel.values()) == built.testset.attrition["ok"] == 10
    editors = built.testset.provenance["editors"]
    assert (editors["a"]["name"], editors["a"]["settings"]["guidance_scale"]) == ("radedit", 3.0)
    assert (editors["c"]["name"], editors["c"]["settings"]["skip_ratio"]) == ("sdedit", 0.5)
    assert built.testset.provenance["arms"]["dose"]["tasks"] == len(built.testset.of("dose"))
