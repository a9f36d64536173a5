"""Everything that the README and the documents show is run, or read by what it is for."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from radbench.cli.app import app
from radbench.specs import load_bundle_spec, load_gates, load_model

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = ("pip install uv && uv run radbench run --shift manifestation", "uv run pytest")


def blocks(language, page=None):
    found = []
    for path in PAGES if page is None else [ROOT / page]:
        text = path.read_text(encoding="utf-8")
        for number, body in enumerate(
            re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        ):
            found.append(pytest.param(body, id=f"{path.relative_to(ROOT)}-{number}"))
    return found


def commands(text):
    """Return the radbench commands of a block; indented lines are further options of the line above."""
    found = []
    for line in text.splitlines():
        words = line.split(" #")[0].rstrip()
        if words.startswith("radbench "):
            found.append(words)
        elif words.startswith("    --") and found:
            found[-1] += words
    return [shlex.split(command)[1:] for command in found]


def test_two_commands_do_all_the_set_up():
    (first, *_) = blocks("sh", "README.md")
    assert first.values[0] == "\n".join(COMMANDS) + "\n"


@pytest.mark.parametrize("text", blocks("sh"))
def test_every_command_and_option_exists(text):
    for words in commands(text):
        command, rest, name = typer.main.get_command(app), list(words), ""
        while hasattr(command, "commands"):
            name = rest.pop(0)
            command = command.commands[name]
        command.make_context(name, rest)


@pytest.mark.slow
def test_the_commands_of_the_readme_run(as_documented):
    for text in blocks("sh", "README.md")[1:]:
        for words in commands(text.values[0]):
            if "all" not in words:
                found = CliRunner().invoke(app, words)
                assert found.exit_code in {0, 4}, (words, found.output)
    assert (as_documented / "radbench-out" / "manifestation" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("text", blocks("python"))
def test_every_python_example_runs(as_documented, world, monkeypatch, text):
    monkeypatch.setattr("radbench.declared.bundle_dir", lambda: world / "bundle")
    code = text.replace("Small left pneumothorax.", "No acute cardiopulmonary process.")
    names = {"__name__": "example"}
    exec(compile(code, "example.py", "exec"), names)
    if "edited" in names:
        assert names["edited"].size == (128, 128)
    if "flips" in names:
        import radbench

        audit = radbench.audit("manifestation", limit=2, device="cpu", progress=False)
        assert names["flips"](audit.result).axes[0].patches
    if "Blackout" in names:
        _edits(names["Blackout"], as_documented, monkeypatch)
    if "ClassFolders" in names:
        _reads(names["ClassFolders"], as_documented, monkeypatch)
    if "Brightness" in names:
        _answers(names["Brightness"], as_documented, monkeypatch)


class Point:
    """An entry point of another package."""

    def __init__(self, name, found):
        self.name, self.found, self.value = name, found, f"example:{name}"

    def load(self):
        return self.found


def _registered(monkeypatch, module, group, point):
    monkeypatch.setattr(f"{module}.entry_points", lambda group: [point] if group == wanted else [])
    wanted = group


def _edits(editor, folder, monkeypatch):
    import radbench

    for module in ("radbench.specs.scenario", "radbench.diffusion.editors"):
        _registered(monkeypatch, module, "radbench.editors", Point("blackout", editor))
    file = folder / "shifts" / "manifestation.yaml"
    declared = yaml.safe_load(file.read_text()) | {
        "editor": {"name": "blackout"},
        "filter": {"encoder": None},
    }
    file.write_text(yaml.safe_dump(declared | {"controls": {"sham": False}}))
    item = radbench.build("manifestation", limit=2, device="cpu", progress=False)[0]
    inside = item["masks"]["edit"] & ~item["masks"]["keep"]
    assert inside.any() and (item["image"][0][inside] == 0).all()
    assert (item["image"][0][~inside] == item["original"][0][~inside]).all()
    assert "blackout" in CliRunner().invoke(app, ["list", "editors"]).output


def _reads(source, folder, monkeypatch):
    import numpy as np
    from PIL import Image

    import radbench

    _registered(monkeypatch, "radbench.api.cohorts", "radbench.sources", Point("classes", source))
    rng = np.random.default_rng(0)
    for number in range(6):
        place = folder / "films" / ("pneumothorax" if number % 2 else "none")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (160, 140), np.uint8)).save(place / f"{number}.png")
    file = folder / "shifts" / "manifestation.yaml"
    declared = yaml.safe_load(file.read_text())
    declared["source"] = {"cohort": "classes:../films", "size": 6, "domain": "phantom"}
    (scenario,) = declared["scenarios"]
    for name in ("keep_mask", "placebo"):
        scenario.pop(name, None)
    scenario |= {"select": {"pneumothorax": 1}, "edit_mask": {"source": "none", "complement": True}}
    scenario["sham_prompt"] = None
    file.write_text(yaml.safe_dump(declared | {"filter": {"encoder": None}, "subgroups": []}))
    testset = radbench.build("manifestation", device="cpu", progress=False)
    assert len(testset) == 3
    assert testset[0]["image"].shape == (1, 160, 140)


def _answers(adapter, folder, monkeypatch):
    import numpy as np

    from radbench.models import registry

    point = Point("brightness", adapter)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.GROUP else [])
    declared = yaml.safe_load((folder / "chest-ai.yaml").read_text(encoding="utf-8"))
    for name in ("architecture", "architecture_args", "weights", "sha256"):
        declared.pop(name)
    (folder / "bright.yaml").write_text(
        yaml.safe_dump(declared | {"format": "brightness", "command": ["none"]})
    )
    model = registry.make_adapter(load_model(folder / "bright.yaml"))
    found = model.predict([np.zeros((8, 8), np.uint8), np.full((8, 8), 65535, np.uint16)])
    assert found.values.tolist() == [0.0, 1.0]


def test_the_assembly_reads_once_its_revisions_are_filled_in(tmp_path):
    file = tmp_path / "radedit.yaml"
    (assembly,) = [
        one.values[0] for one in blocks("yaml") if one.values[0].startswith("name: radedit-of-mine")
    ]
    file.write_text(assembly.replace("<commit>", "0123abc"), encoding="utf-8")
    spec = load_bundle_spec(file)
    assert spec.uses_hub
    assert yaml.safe_load(file.read_text())["vae"]["path_or_repo"] == spec.vae.path_or_repo


@pytest.mark.parametrize(
    ("start", "load"), [("name: chest-ai\n", load_model), ("name: chest-ai-release", load_gates)]
)
def test_the_declarations_that_are_shown_can_be_read(tmp_path, start, load):
    (text,) = [one.values[0] for one in blocks("yaml") if one.values[0].startswith(start)]
    file = tmp_path / "example.yaml"
    file.write_text(text.replace('"…"', f'"{"0" * 64}"'), encoding="utf-8")
    assert load(file).name == start.removeprefix("name: ").strip()


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_yaml_is_yaml(text):
    yaml.safe_load(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_map_of_the_rooms_is_that_of_the_package():
    import radbench

    page = (ROOT / "docs" / "background" / "house.md").read_text(encoding="utf-8")
    for floor, room in re.findall(r"^(\d)\s+``(\w+)``", radbench.__doc__, flags=re.MULTILINE):
        assert f"| {floor} | `{room}` |" in page


def test_every_public_function_is_in_the_reference():
    import radbench

    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    for name in radbench.__all__:
        if name[0].islower() and name != "__version__":
            assert f"`radbench.{name}(" in page, name
