import pytest
import yaml

from radbench.api.choices import choose_models
from radbench.declared import models_dir
from radbench.errors import UsageError
from radbench.specs import load_shift


@pytest.fixture
def declare(tmp_path, make_shift):
    """Write model declarations (without weights) and a shift that names some of them."""
    declared = yaml.safe_load((models_dir() / "pneumothorax-biased.yaml").read_text(encoding="utf-8"))

    def model(name, target="pneumothorax", file=None, **changes):
        path = tmp_path / f"{file or name}.yaml"
        path.write_text(yaml.safe_dump(declared | {"name": name, "target": target} | changes))
        return str(path)

    def shift(models=(), controls=()):
        made = make_shift(tmp_path, name="chosen", models=list(models), control_models=list(controls))
        return load_shift(made)

    return model, shift


def names(choice):
    return [spec.name for spec in choice.models], [spec.name for spec in choice.controls]


def test_what_is_asked_for_replaces_the_models_and_joins_the_controls(declare):
    model, shift = declare
    a, b, c, d = (model(name) for name in "abcd")
    made = shift([a, b], [c])
    assert names(choose_models(made)) == (["a", "b"], ["c"])
    assert names(choose_models(made, [d, d])) == (["d"], ["c"])
    assert names(choose_models(made, [], [d])) == (["a", "b"], ["c", "d"])
    assert names(choose_models(made, [], [b])) == (["a"], ["c", "b"])
    assert names(choose_models(made, [c])) == (["c"], [])


def test_a_model_of_another_question_is_refused_or_left_out(declare):
    model, shift = declare
    a, covid = model("a"), model("covid", "covid")
    lungs = model("lungs", format="smp", task="segmentation")
    made = shift([a])
    with pytest.raises(UsageError, match="predicts 'covid', the shift 'chosen' needs a model that predicts"):
        choose_models(made, [covid])
    with pytest.raises(UsageError, match="has task 'segmentation'"):
        choose_models(made, [lungs])
    assert names(choose_models(made, [covid, a], [lungs], fitting=True)) == (["a"], [])
    assert names(choose_models(made, [covid], fitting=True)) == ([], [])


def test_what_cannot_be_meant_is_one_sentence(declare):
    model, shift = declare
    a, again = model("a"), model("a", file="b")
    for wrong, words in (
        (lambda: choose_models(shift([])), "names no models; choose one with --model"),
        (lambda: choose_models(shift([a]), [a], [a]), "'a' is asked for with --model and with --control"),
        (lambda: choose_models(shift([a, again])), "Two models are called 'a'"),
        (lambda: choose_models(shift([a]), [], [a]), "names no models"),
    ):
        with pytest.raises(UsageError, match=words):
            wrong()
