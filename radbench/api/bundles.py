"""The diffusion bundle that a run edits with: the embedded one, a folder, or a declared assembly of parts."""

import os
from pathlib import Path
from typing import Any

from radbench.declared import bundle_path
from radbench.diffusion.assembly import COMPONENTS, EMBEDDED, Assembly
from radbench.diffusion.assembly import ComponentRef as Part
from radbench.errors import UsageError
from radbench.specs import Base, BundleSpec, ComponentRef, ShiftSpec, load_bundle_spec

BundleRef = str | Path | Assembly
"""What the diffusion room's loader takes."""

_YAML = (".yaml", ".yml")


def find_bundle(shift: ShiftSpec, asked: str | None) -> BundleRef:
    """Return the bundle to edit with.

    Args:
        shift: The shift, which names a bundle; a relative path refers to its YAML file's folder.
        asked: Another bundle to use instead; a relative path refers to the current folder.

    Raises:
        UsageError: A YAML file that is none of an assembly, or a folder that does not exist.
    """
    return named_bundle(asked) if asked else named_bundle(shift.bundle, shift)


def named_bundle(name: str, declared_by: Base | None = None) -> BundleRef:
    """Return the bundle that a name means: ``phantom``, a folder, an assembly's YAML file, or a declared one's name.

    Args:
        name: The name; a bare one that is no folder is sought as ``bundles/NAME.yaml``.
        declared_by: What declares it: a relative path refers to the folder of that YAML file. None for the
            current folder.

    Raises:
        UsageError: A YAML file that is none of an assembly, or a folder that does not exist.
    """
    if name == EMBEDDED:
        return EMBEDDED
    path = declared_by.resolve(name) if declared_by else Path(name).expanduser()
    if path.suffix in _YAML:
        return assembly(load_bundle_spec(path))
    if path.is_dir():
        return path
    if "/" in name or os.sep in name:
        raise UsageError(
            f"The bundle '{name}' does not exist; expected '{EMBEDDED}', a folder in the diffusers layout or "
            f"the YAML file of an assembly."
        )
    try:
        found = bundle_path(name)
    except UsageError as error:
        raise UsageError(
            f"{error} The embedded one is called '{EMBEDDED}'; a folder begins with './'."
        ) from None
    return assembly(load_bundle_spec(found))


def uses_hub(bundle: BundleRef) -> bool:
    """Whether a part of the bundle comes from the Hugging Face hub."""
    parts = [getattr(bundle, name) for name in COMPONENTS] if isinstance(bundle, Assembly) else []
    return any(isinstance(part, Part) and part.is_hub for part in parts)


def assembly(spec: BundleSpec) -> Assembly:
    """Return the declared assembly as the diffusion room takes it, its folders resolved beside the YAML."""
    parts: dict[str, Any] = {name: _part(spec, getattr(spec, name)) for name in COMPONENTS}
    return Assembly(
        name=spec.name,
        max_length=spec.max_length,
        attend_to_padding=spec.attend_to_padding,
        domain=spec.domain,
        **parts,
    )


def _part(spec: BundleSpec, part: ComponentRef | dict[str, Any]) -> Part | dict[str, Any]:
    if isinstance(part, dict):
        return part
    place = part.path_or_repo if part.is_hub else str(spec.resolve(part.path_or_repo).absolute())
    return Part(place, part.subfolder, part.revision)
