"""What a bundle must be able to do before it ships, measured on the phantom and written into its datasheet.

Reconstruction: the autoencoder's error, and how much contrast drains and pleural lines keep. Likeness: power
spectrum and grey values of images drawn from pure noise against rendered ones. Prompts: the judge, which knows
rendered images only, finds in a drawn image what its prompt asked for, on the right side. Placebo: the same edit
where the finding is absent must change little.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radbench.data.cohort import Study
from radbench.data.images import dilate
from radbench.diffusion.bundle import Bundle
from radbench.diffusion.editors import EditRequest, EditSettings, get_editor
from radbench.diffusion.encoding import decode, encode_prompts, to_uint8
from radbench.phantom.canvas import Stream
from radbench.phantom.cohort import PhantomCohort
from radbench.phantom.findings import Finding, Side
from radbench.phantom.prompts import CONSOLIDATION_PROMPTS, NO_FINDING_PROMPT, OEDEMA_PROMPT, PACEMAKER_PROMPT
from radbench.phantom.recipes import recipe
from radbench.phantom.render import render
from radbench.reference.encoder import BundleAutoencoder
from radbench.reference.judge import SIGNS, Judge

PROMPTS: dict[str, str] = {
    "normal": NO_FINDING_PROMPT,
    "pneumothorax left": "Large left pneumothorax.",
    "pneumothorax right": "Large right pneumothorax.",
    "consolidation left": CONSOLIDATION_PROMPTS["left"],
    "consolidation right": CONSOLIDATION_PROMPTS["right"],
    "oedema": OEDEMA_PROMPT,
    "pacemaker": PACEMAKER_PROMPT,
    "covid": "Bilateral peripheral opacities.",
}
"""What each sign is asked for with; the paper's prompts where it has one."""

_OPPOSITE = {
    "pneumothorax left": "pneumothorax right",
    "pneumothorax right": "pneumothorax left",
    "consolidation left": "consolidation right",
    "consolidation right": "consolidation left",
}
_PATIENTS = 950_000_000

Say = Callable[[str], None]


@dataclass(frozen=True)
class Gate:
    """One measured figure against its limit; ``sense`` says on which side of the limit it must lie."""

    name: str
    value: float
    limit: float
    sense: str

    @property
    def passed(self) -> bool:
        """Whether the figure lies on the right side of the limit."""
        return self.value <= self.limit if self.sense == "at most" else self.value >= self.limit

    def as_dict(self) -> dict[str, Any]:
        """Return the gate as plain data, rounded to what is worth printing."""
        limit = self.limit if math.isfinite(self.limit) else None
        return {**asdict(self), "value": round(self.value, 4), "limit": limit, "passed": self.passed}


def run_gates(bundle: Bundle, judge: Judge, settings: EditSettings, say: Say = lambda _: None) -> list[Gate]:
    """Measure every gate, about three minutes on two CPU cores; ``say`` is told what is being measured."""
    gates: list[Gate] = []
    say("reconstruction of 48 rendered images")
    gates += reconstruction_gates(bundle, 48)
    say(f"{len(PROMPTS)} prompts, 8 images drawn from pure noise for each")
    images = draw_prompts(bundle, 8)
    gates += likeness_gates(np.concatenate(list(images.values())))
    gates += prompt_gates(judge, images)
    say("placebo: the same edit with and without the finding, 16 patients")
    gates += placebo_gates(bundle, settings, 16)
    return gates


def reconstruction_gates(bundle: Bundle, count: int) -> list[Gate]:
    """Mean absolute error of encode-decode in [0, 1], and contrast retained in drains and pleural lines."""
    errors, redraw = [], BundleAutoencoder(bundle)
    before, after = ({"drain": 0.0, "pleural_line": 0.0} for _ in range(2))
    for index in range(count):
        side: Side = "left" if index % 2 else "right"
        severity = Stream(index, 401).uniform(0.1, 0.9)
        study = render(_PATIENTS + index, [Finding("pneumothorax", side, severity), Finding("drain", side)])
        again = redraw(study.image)
        errors.append(_mean_error(study.image, again, np.ones_like(study.masks["drain"])))
        for name in before:
            before[name] += contrast(study.image, study.masks[name])
            after[name] += contrast(again, study.masks[name])
    kept = {name: after[name] / before[name] for name in before}
    return [
        Gate("reconstruction error", float(np.mean(errors)), 0.01, "at most"),
        Gate("drain contrast kept by the autoencoder", kept["drain"], 0.9, "at least"),
        Gate("pleural line contrast kept by the autoencoder", kept["pleural_line"], 0.8, "at least"),
    ]


def contrast(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Return how far a structure stands out: sum over its mask of grey value less the local mean (sigma 3 pixels).

    In units of full scale; the sums of several images are compared, since one faint structure may have none.
    """
    grey = image.astype(np.float64) / 255
    return float((grey - gaussian_filter(grey, 3))[mask].sum())


def draw_prompts(bundle: Bundle, count: int, num_inference_steps: int = 40) -> dict[str, NDArray[np.uint8]]:
    """Draw ``count`` images from pure noise for each of ``PROMPTS``, with a moderate guidance of 4."""
    prompts = [prompt for prompt in PROMPTS.values() for _ in range(count)]
    images = sample(bundle, prompts, seed=1, num_inference_steps=num_inference_steps, guidance_scale=4.0)
    return dict(zip(PROMPTS, np.split(images, len(PROMPTS)), strict=True))


def likeness_gates(images: NDArray[np.uint8]) -> list[Gate]:
    """Compare drawn with rendered images: log power spectrum (in decades) and grey-value distribution."""
    draw = recipe("mixed")
    patients = range(_PATIENTS + 10_000, _PATIENTS + 10_000 + len(images))
    drawn = (draw(Stream(patient, 302)) for patient in patients)
    real = np.stack([render(p, d.findings, d.hospital).image for p, d in zip(patients, drawn, strict=True)])
    spectrum = np.abs(np.log10(_radial_power(images)) - np.log10(_radial_power(real)))
    quantiles = np.linspace(0.02, 0.98, 49)
    greys = np.abs(np.quantile(images, quantiles) - np.quantile(real, quantiles)) / 255
    return [
        Gate(
            "power spectrum of drawn images, mean deviation in decades",
            float(spectrum.mean()),
            0.25,
            "at most",
        ),
        Gate(
            "grey values of drawn images, mean deviation of quantiles", float(greys.mean()), 0.05, "at most"
        ),
    ]


def _radial_power(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    side = images.shape[-1]
    power = np.abs(np.fft.fftshift(np.fft.fft2(images / 255 - 0.5), axes=(-2, -1))) ** 2
    mean = power.mean(axis=0)
    rows, columns = np.indices(mean.shape) - side // 2
    radius = np.hypot(rows, columns).astype(int).ravel()
    sums, counts = np.bincount(radius, mean.ravel()), np.bincount(radius)
    return np.asarray((sums / counts)[1 : side // 2])


def prompt_gates(judge: Judge, images: dict[str, NDArray[np.uint8]]) -> list[Gate]:
    """Share of drawn images in which the judge finds the asked sign and not its mirror image; one gate a prompt."""
    gates = []
    for name, drawn in images.items():
        found = judge.probabilities(drawn) >= 0.5
        if name == "normal":
            right = ~found.any(axis=1)
        else:
            right = found[:, SIGNS.index(name)]
            if name in _OPPOSITE:
                right &= ~found[:, SIGNS.index(_OPPOSITE[name])]
        gates.append(Gate(f"prompt '{PROMPTS[name]}' drawn as asked", float(right.mean()), 0.75, "at least"))
    return gates


def placebo_gates(bundle: Bundle, settings: EditSettings, count: int) -> list[Gate]:
    """Change in the edit region where the finding is absent, as a share of the change where it is present.

    Real and placebo edits have the same masks, prompt and seed. The placebo's source is a film of another patient
    without pneumothorax and drain. A second figure, for information, takes the true counterfactual instead: the
    drain is still there, and a model that learnt from confounded films that drains mean pneumothorax removes one
    that is not there. Changes are mean absolute differences from the source's own reconstruction.
    """
    cohort = PhantomCohort("manifestation", "val", 4 * count)
    ill = [s for s in cohort.studies if s.labels["pneumothorax"] and s.labels["drain"]][:count]
    well = [s for s in cohort.studies if not s.labels["pneumothorax"] and not s.labels["drain"]][:count]
    real = [_request(cohort, study) for study in ill]
    plain = [replace(asked, image=cohort.image(study)) for asked, study in zip(real, well, strict=True)]
    drained = [
        replace(asked, image=cohort.counterfactual(study, {"pneumothorax": 0}))
        for asked, study in zip(real, ill, strict=True)
    ]
    change, *placebo = (
        float(np.mean(list(_changes(bundle, settings, requests)))) for requests in (real, plain, drained)
    )
    return [
        Gate("placebo edit, change as a share of the real edit's", placebo[0] / change, 0.25, "at most"),
        Gate("the same with a drain in the film, for information", placebo[1] / change, math.inf, "at most"),
    ]


def _request(cohort: PhantomCohort, study: Study) -> EditRequest:
    image = cohort.image(study)
    edit = dilate(cohort.mask(study, "pneumothorax"), 5 * image.shape[0] / 512)
    keep = cohort.mask(study, "drain")
    return EditRequest(study.study_id, image, edit, keep, NO_FINDING_PROMPT, "", int(study.patient_id))


def _changes(bundle: Bundle, settings: EditSettings, requests: list[EditRequest]) -> Iterator[float]:
    results = get_editor("radedit").edit(bundle, requests, settings)
    for request, result in zip(requests, results, strict=True):
        region = request.edit_mask & ~np.asarray(request.keep_mask)
        yield _mean_error(result.image, result.reconstruction, region)


def _mean_error(first: NDArray[np.uint8], second: NDArray[np.uint8], region: NDArray[np.bool_]) -> float:
    return float(np.abs(first[region].astype(np.float64) - second[region]).mean() / 255)


@torch.no_grad()
def sample(
    bundle: Bundle,
    prompts: Sequence[str],
    *,
    seed: int = 0,
    num_inference_steps: int = 50,
    guidance_scale: float = 7.5,
    batch_size: int = 8,
) -> NDArray[np.uint8]:
    """Draw one image for each prompt with DDIM and classifier-free guidance; uint8 [N, H, W]."""
    images = [
        _sample_batch(
            bundle, prompts[start : start + batch_size], seed + start, num_inference_steps, guidance_scale
        )
        for start in range(0, len(prompts), batch_size)
    ]
    return np.concatenate(images)


def _sample_batch(
    bundle: Bundle, prompts: Sequence[str], seed: int, steps: int, scale: float
) -> NDArray[np.uint8]:
    config: Any = bundle.unet.config
    scheduler = DDIMScheduler.from_config(bundle.scheduler.config)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(seed)
    shape = (len(prompts), config.in_channels, config.sample_size, config.sample_size)
    latents = torch.randn(shape, generator=generator).to(bundle.device)
    reads = bundle.tokenizer, bundle.text_encoder
    table, row = encode_prompts(*reads, ["", *prompts], bundle.max_length, bundle.attend_to_padding)
    states = torch.cat([table[[row[""]] * len(prompts)], table[[row[prompt] for prompt in prompts]]])
    for timestep in scheduler.timesteps:
        noise = bundle.unet(latents.repeat(2, 1, 1, 1), timestep, encoder_hidden_states=states).sample
        free, guided = noise.chunk(2)
        latents = scheduler.step(free + scale * (guided - free), timestep, latents).prev_sample
    return np.stack([to_uint8(decode(bundle.vae, latent)) for latent in latents])
