import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from radbench.declared import models_dir, shifts_dir
from radbench.errors import UsageError
from radbench.specs import load_bundle_spec, load_model, load_shift
from radbench.specs.loading import describe, read_yaml

SHIFT = (shifts_dir() / "manifestation.yaml").read_text(encoding="utf-8")
MODEL = (models_dir() / "pneumothorax-biased.yaml").read_text(encoding="utf-8")


def refusal(tmp_path, text, load=load_shift):
    file = tmp_path / "declared.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}, line ")
    assert "\n" not in message
    return message.removeprefix(f"{file}, ")


def line_of(text, piece):
    return text[: text.index(piece)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("dilate: 5\n", "dilatte: 5\n", ["unknown key 'dilatte'", "scenarios[0].edit_mask", "mean 'dilate'"]),
        (
            "dilate: 5\n",
            "dilate: five\n",
            ["field 'scenarios[0].edit_mask.dilate'", "'five' (text)", "a number"],
        ),
        (
            "dilate: 5\n",
            "dilate: -5\n",
            ["scenarios[0].edit_mask.dilate", "-5", "greater than or equal to 0"],
        ),
        ("dilate: 5\n", "dilate: .nan\n", ["scenarios[0].edit_mask.dilate", "finite"]),
        (
            "kind: manifestation",
            "kind: manifestacion",
            ["found 'manifestacion'", "Did you mean 'manifestation'"],
        ),
        ("size: 160", "size: '160'", ["field 'source.size'", "'160' (text)", "a whole number"]),
        ("size: 160", "size: 0", ["field 'source.size'", "found 0"]),
        ("size: 160", "size: 1.5", ["field 'source.size'", "1.5 (a number)"]),
        ("  name: radedit", "  name: radeditt", ["field 'editor.name'", "Did you mean 'radedit'"]),
        ("specificity, auroc", "specificty, auroc", ["field 'metrics[3]'", "Did you mean 'specificity'"]),
        ("enabled: true", "enabled: 1", ["editor.paste_back.enabled", "true or false"]),
        ("      pneumothorax: 0", "      pneumothorax: no", ["labels_after.pneumothorax", "false"]),
        ("      pneumothorax: 0", "      drain: 0", ["lacks the target 'pneumothorax'"]),
        ("cohort: phantom/manifestation", "cohort: Manifestation", ["source.cohort", "'phantom/<name>'"]),
        ("target: pneumothorax\n", "", ["the key 'target' is missing"]),
        (
            "target: pneumothorax\n",
            "targt: pneumothorax\n",
            ["unknown key 'targt'", "Did you mean 'target'", "1 more"],
        ),
        ("prompt: No acute cardiopulmonary process.", "prompt: ''", ["scenarios[0].prompt", "not empty"]),
        ("prompt: No acute cardiopulmonary process.", "prompt:", ["scenarios[0].prompt", "found nothing"]),
        ("- pneumothorax-robust", "- pneumothorax-biased", ["models names 'pneumothorax-biased' twice"]),
    ],
)
def test_a_shift_s_error_names_line_field_found_and_expected(tmp_path, old, new, words):
    text = SHIFT.replace(old, new, 1)
    assert text != SHIFT
    message = refusal(tmp_path, text)
    for word in words:
        assert word in message


@pytest.mark.parametrize("piece", ["dilate: five", "skip_ratio: 2.0", "seed: -1"])
def test_the_line_is_the_value_s_own(tmp_path, piece):
    key = piece.split(":")[0]
    old = next(line.strip() for line in SHIFT.splitlines() if line.strip().startswith(f"{key}:"))
    text = SHIFT.replace(old, piece, 1)
    assert refusal(tmp_path, text).startswith(f"line {line_of(text, piece)}:")


def test_the_shipped_shift_is_the_paper_s(tmp_path):
    shift = load_shift(shifts_dir() / "manifestation.yaml")
    (scenario,) = shift.scenarios
    assert scenario.select == {"pneumothorax": 1, "drain": 1}
    assert scenario.prompt == "No acute cardiopulmonary process."
    assert scenario.invert_prompt == ""
    assert scenario.edit_mask.source == "pneumothorax"
    assert scenario.edit_mask.radius(512) == 5.0
    assert scenario.edit_mask.radius(128) == 1.25
    assert scenario.keep_mask is not None
    assert scenario.keep_mask.source == "drain"
    assert scenario.labels_after == {"pneumothorax": 0}


@pytest.mark.parametrize("name", ["pneumothorax-biased", "pneumothorax-robust"])
def test_the_shipped_models_read(name):
    spec = load_model(models_dir() / f"{name}.yaml")
    assert spec.name == name
    assert spec.weights_path == models_dir() / "weights" / f"{name}.safetensors"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("format: timm", "fromat: timm", ["Did you mean 'format'"]),
        ("biased.safetensors", "biased.pkl", ["safetensors"]),
        ("[128, 128]", "[128]", ["input.spatial_shape"]),
        ("[0.0, 1.0]", "[1.0, 0.0]", ["lower value first"]),
        ("std: [0.25]", "std: [0.0]", ["input.std[0]"]),
        ("mean: [0.5]", "mean: [0.5, 0.5]", ["mean has length 2"]),
        ("operating_point: 0.5", "operating_point: 50", ["operating_point", "less than or equal to 1"]),
    ],
)
def test_a_model_s_errors(tmp_path, old, new, words):
    message = refusal(tmp_path, MODEL.replace(old, new, 1), load_model)
    for word in words:
        assert word in message


BUNDLE = """\
name: radedit
unet: {path_or_repo: microsoft/radedit, subfolder: unet, revision: 0123abc}
vae: {path_or_repo: stabilityai/sdxl-vae, revision: 0123abc}
text_encoder: {path_or_repo: ./text, subfolder: encoder}
tokenizer: {path_or_repo: ./text}
scheduler: {beta_schedule: linear, beta_start: 0.0015}
"""


def test_an_assembly(tmp_path):
    file = tmp_path / "b.yaml"
    file.write_text(BUNDLE)
    spec = load_bundle_spec(file)
    assert spec.uses_hub
    assert spec.unet.is_hub
    assert not spec.tokenizer.is_hub
    assert spec.scheduler == {"beta_schedule": "linear", "beta_start": 0.0015}
    assert spec.resolve(spec.tokenizer.path_or_repo) == tmp_path / "text"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (", revision: 0123abc}\nvae", "}\nvae", ["field 'unet'", "no revision"]),
        ("{path_or_repo: ./text}", "{path_or_repo: ./text, revision: x}", ["has a revision"]),
        (
            "subfolder: unet",
            "subfoldr: unet",
            ["unknown key 'subfoldr' in 'unet'", "Did you mean 'subfolder'"],
        ),
        ("{beta_schedule: linear, beta_start: 0.0015}", "{path_or_repo: ./s, sub: x}", ["unknown key 'sub'"]),
        ("name: radedit", "name: radedit\nvae_dtype: float16", ["vae_dtype", "float32"]),
    ],
)
def test_an_assembly_s_errors(tmp_path, old, new, words):
    message = refusal(tmp_path, BUNDLE.replace(old, new, 1), load_bundle_spec)
    for word in words:
        assert word in message


def _paths(value, where=()):
    yield where
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*where, key))


TREE = yaml.safe_load(SHIFT)
PLACES = [where for where in _paths(TREE) if where]


@given(
    where=st.sampled_from(PLACES),
    junk=st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just([]), st.just({"zz": 1})
    ),
)
def test_whatever_stands_in_a_field_it_is_read_or_refused_in_one_sentence(tmp_path_factory, where, junk):
    tree = copy.deepcopy(TREE)
    inner = tree
    for part in where[:-1]:
        inner = inner[part]
    inner[where[-1]] = junk
    file = tmp_path_factory.mktemp("junk") / "s.yaml"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    try:
        load_shift(file)
    except UsageError as error:
        assert str(error).startswith(f"{file}, line ")
        assert "\n" not in str(error)


@pytest.fixture
def write(tmp_path):
    def _write(text):
        file = tmp_path / "a.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return _write


def test_every_value_has_its_line(write):
    values, lines = read_yaml(write("a: 1\nb:\n  - c: 2\n  - d: {e: 3}\n"))
    assert values == {"a": 1, "b": [{"c": 2}, {"d": {"e": 3}}]}
    assert lines[("a",)] == 1
    assert lines[("b",)] == 2
    assert lines[("b", 0, "c")] == 3
    assert lines[("b", 1, "d", "e")] == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is given twice (first on line 1)"),
        ("a: 1\n  b: 2\n", "line 2"),
        ("a: [1, 2\n", "line 2"),
        ("a:\n\t- 1\n", "line 2"),
        ("a: &x 1\nb: *x\n", "line 2: found an alias"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1"),
        ("- 1\n- 2\n", "line 1: found a list of 2"),
        ("", "found nothing"),
        ("just words", "found 'just words' (text)"),
        ("a: 1\n3: 2\n", "line 2: found '3' as a key"),
        (b"a: 1\nb: \xff\n", "line 2: found bytes that are not UTF-8"),
        ("a: 1\n--- \nb: 2\n", "not valid YAML"),
        ("a: 2024-13-45\n", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
    ],
)
def test_what_is_not_a_mapping_in_yaml_is_one_sentence(write, text, words):
    with pytest.raises(UsageError) as caught:
        read_yaml(write(text))
    message = str(caught.value)
    assert words in message
    assert "a.yaml" in message
    assert "\n" not in message


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_yaml(tmp_path)


def test_a_huge_file_is_refused(write):
    with pytest.raises(UsageError, match="at most"):
        read_yaml(write("#" * (1 << 20) + "\n"))


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "nothing"), (True, "true (true or false)"), (3, "3 (a whole number)"), ([1], "a list of 1")],
)
def test_describe(value, words):
    assert describe(value) == words


def test_describe_shortens():
    assert len(describe("x" * 500)) < 80
