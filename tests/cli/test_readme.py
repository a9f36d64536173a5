import re
from pathlib import Path

import pytest
import yaml

from radbench.specs import load_bundle_spec, load_gates, load_model

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = ("pip install uv && uv run radbench run --shift manifestation", "uv run pytest")


def block(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_two_commands_do_all_the_set_up():
    assert block("sh")[0] == "\n".join(COMMANDS) + "\n"


def test_the_options_that_it_names_exist():
    help_text = (Path(__file__).parents[2] / "radbench" / "cli" / "run.py").read_text(encoding="utf-8")
    for option in re.findall(r"^    --([a-z-]+)", block("sh")[1], flags=re.MULTILINE):
        assert option.replace("-", "_") in help_text


def test_the_assembly_reads_once_its_revisions_are_filled_in(tmp_path):
    file = tmp_path / "radedit.yaml"
    (assembly,) = [text for text in block("yaml") if text.startswith("name: radedit-of-mine")]
    file.write_text(assembly.replace("<commit>", "0123abc"), encoding="utf-8")
    spec = load_bundle_spec(file)
    assert spec.uses_hub
    assert yaml.safe_load(file.read_text())["vae"]["path_or_repo"] == spec.vae.path_or_repo


@pytest.mark.parametrize(
    ("start", "load"), [("name: chest-ai\n", load_model), ("name: chest-ai-release", load_gates)]
)
def test_the_declarations_that_it_shows_can_be_read(tmp_path, start, load):
    (text,) = [text for text in block("yaml") if text.startswith(start)]
    file = tmp_path / "example.yaml"
    file.write_text(text.replace('"…"', f'"{"0" * 64}"'), encoding="utf-8")
    assert load(file).name == start.removeprefix("name: ").strip()


@pytest.mark.slow
def test_the_python_example_runs(world, monkeypatch):
    monkeypatch.setattr("radbench.declared.bundle_dir", lambda: world / "bundle")
    (example,) = [text for text in block("python") if "RadEditPipeline" in text]
    code = example.replace("Small left pneumothorax.", "No acute cardiopulmonary process.")
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["edited"].size == (128, 128)
