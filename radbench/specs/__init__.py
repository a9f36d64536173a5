"""What a user declares: shifts, models under test, bundles; read from YAML with errors that name the line."""

from pathlib import Path

from radbench.specs.anchor import AnchorSpec
from radbench.specs.base import Base
from radbench.specs.bundle import BundleSpec, ComponentRef
from radbench.specs.gates import GateRule, GatesSpec
from radbench.specs.input_contract import InputContract
from radbench.specs.loading import load_yaml
from radbench.specs.model import Claim, ModelSpec
from radbench.specs.recipe import RecipeSpec
from radbench.specs.scenario import EditorSpec, MaskRule, PasteBack, Placebo, Scenario
from radbench.specs.shift import ControlsSpec, FilterSpec, ShiftSpec
from radbench.specs.source import CohortSpec, LabelsSpec, SourceSpec

__all__ = [
    "AnchorSpec",
    "Base",
    "BundleSpec",
    "Claim",
    "CohortSpec",
    "ComponentRef",
    "ControlsSpec",
    "EditorSpec",
    "FilterSpec",
    "GateRule",
    "GatesSpec",
    "InputContract",
    "LabelsSpec",
    "MaskRule",
    "ModelSpec",
    "PasteBack",
    "Placebo",
    "RecipeSpec",
    "Scenario",
    "ShiftSpec",
    "SourceSpec",
    "load_bundle_spec",
    "load_gates",
    "load_model",
    "load_recipe",
    "load_shift",
    "load_yaml",
]


def load_shift(path: str | Path) -> ShiftSpec:
    """Read a shift's YAML file; see ``load_yaml`` for the errors."""
    return load_yaml(path, ShiftSpec)


def load_model(path: str | Path) -> ModelSpec:
    """Read the YAML file of a model under test; see ``load_yaml`` for the errors."""
    return load_yaml(path, ModelSpec)


def load_recipe(path: str | Path) -> RecipeSpec:
    """Read the YAML file of a training recipe; see ``load_yaml`` for the errors."""
    return load_yaml(path, RecipeSpec)


def load_bundle_spec(path: str | Path) -> BundleSpec:
    """Read the YAML file of a diffusion bundle's assembly; see ``load_yaml`` for the errors."""
    return load_yaml(path, BundleSpec)


def load_gates(path: str | Path) -> GatesSpec:
    """Read a file of release gates (``gates.yaml``); see ``load_yaml`` for the errors."""
    return load_yaml(path, GatesSpec)
