"""The public names, each documented and loaded on use."""

import inspect
import subprocess
import sys

import pytest

import radbench

FUNCTIONS = (
    "audit", "build", "check", "compare_editors", "validate", "export_testset", "import_predictions", "load",
)  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_takes_and_raises(name):
    function = getattr(radbench, name)
    text = inspect.getdoc(function)
    assert "Raises:" in text
    for parameter in inspect.signature(function).parameters.values():
        assert f"{parameter.name}:" in text, parameter.name
    assert name in dir(radbench)


def test_a_name_that_is_none():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        radbench.nothing  # noqa: B018


def test_importing_it_loads_nothing_heavy():
    heavy = ["torch", "diffusers", "pandas", "matplotlib", "monai", "transformers", "pydantic", "numpy"]
    code = f"import sys, radbench; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: radbench.audit("manifestation", limit=0), "limit is 0"),
        (lambda: radbench.audit("manifestation", seed=-1), "seed is -1"),
        (lambda: radbench.build("manifestation", batch_size=1.5), "batch_size is 1.5"),
        (lambda: radbench.audit("manifestation", device="gpu"), "device is 'gpu'"),
        (lambda: radbench.audit(3), "The shift is a int"),
        (lambda: radbench.validate([]), "nothing to validate"),
        (lambda: radbench.validate(seeds=0), "nothing to validate"),
    ],
)
def test_a_wrong_argument_is_one_sentence(call, words):
    with pytest.raises(radbench.UsageError, match=words):
        call()
