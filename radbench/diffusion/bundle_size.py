"""The size of the squares that a bundle was made for, read from its configuration files without a heavy library."""

import json
from pathlib import Path
from typing import Any

from radbench.diffusion.assembly import Assembly, resolve
from radbench.errors import UsageError


def bundle_size(ref: str | Path | Assembly) -> int:
    """Return the side of the bundle's squares in pixels.

    That is the U-Net's ``sample_size`` (of latents) times the factor by which the autoencoder shrinks a side, 2 for
    every level but the first.

    Raises:
        UsageError: a configuration that cannot be read or says no size.
    """
    folders = resolve(ref).folders()
    sample = _read(folders["unet"]).get("sample_size")
    levels = _read(folders["vae"]).get("block_out_channels")
    if isinstance(sample, list) and sample and all(side == sample[0] for side in sample):
        sample = sample[0]
    if not isinstance(sample, int) or not isinstance(levels, list) or not levels:
        raise UsageError(
            f"The bundle's configurations in {folders['unet']} and {folders['vae']} give no size (sample_size "
            f"{sample}, block_out_channels {levels}); expected one side for square latents, and the levels of the "
            "autoencoder. Give source.image_size in the shift instead."
        )
    return int(sample * 2 ** (len(levels) - 1))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"Cannot read the configuration {path}: {error}.") from error
    if not isinstance(content, dict):
        raise UsageError(f"The configuration {path} holds no JSON object.")
    return content
