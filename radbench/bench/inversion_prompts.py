"""What a second prompt on the same images costs, given that the first has paid for their inversion."""

import time
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.editors import EditRequest, EditSettings
from radbench.diffusion.editors.methods import RadEditEditor
from radbench.diffusion.encoding import pixel_factor

PROMPTS = ("", "no")


@dataclass(frozen=True)
class SecondPrompt:
    """Whole RadEdits of some images, without skipped steps.

    Attributes:
        images: how many.
        steps: of the schedule, and of each edit.
        first: seconds for one prompt, the median of the runs.
        ratio: what a second prompt in the same call adds, relative to the first alone, the median of the runs.
    """

    images: int
    steps: int
    first: float
    ratio: float


def second_prompt(bundle: Bundle, *, images: int, steps: int, repeats: int) -> SecondPrompt:
    """Time RadEdit with one prompt an image and with two, in turn."""
    first = _requests(bundle, images)
    both = [one for request in first for one in (request, replace(request, key="", prompt=PROMPTS[1]))]
    _seconds(bundle, both, steps)
    pairs = [(_seconds(bundle, first, steps), _seconds(bundle, both, steps)) for _ in range(max(1, repeats))]
    ratio = median(two / one - 1 for one, two in pairs)
    return SecondPrompt(images, steps, median(one for one, _ in pairs), ratio)


def _seconds(bundle: Bundle, requests: list[EditRequest], steps: int) -> float:
    settings = EditSettings(num_inference_steps=steps, skip_ratio=0.0, guidance_scale=5.0)
    begin = time.perf_counter()
    for _ in RadEditEditor().edit(bundle, requests, settings, batch_size=len(requests)):
        pass
    return time.perf_counter() - begin


def _requests(bundle: Bundle, images: int) -> list[EditRequest]:
    side = int(bundle.unet.config.sample_size) * pixel_factor(bundle.vae)
    rng = np.random.default_rng(0)
    mask = np.zeros((side, side), np.bool_)
    mask[: side // 2] = True
    return [
        EditRequest("", rng.integers(0, 256, (side, side), np.uint8), mask, None, PROMPTS[0], "", seed)
        for seed in range(images)
    ]
