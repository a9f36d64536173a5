"""How long a report takes, how large it is, and what it costs in memory, by the number of images.

The audits are made up: what a report does depends on how many rows and images there are and not on how they came
about. Each size is written in a process of its own, whose peak memory is told apart from that of the result itself.
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radbench.harness.result import (
    Arm,
    ArmResult,
    AuditResult,
    CaseRow,
    CohortSummary,
    Estimate,
    IntervalSummary,
    ModelResult,
    PairedResult,
    ScenarioResult,
    ScenarioSummary,
    ShiftSummary,
    TestSetSummary,
    Verdict,
)
from radbench.report.gallery import GalleryItem, LazyGallery
from radbench.report.outputs import REPORT, write_outputs

if TYPE_CHECKING:
    from rich.console import Console

SIZES = (100, 1_000, 10_000)
SIDE = 512
"""Pixels of an image's side."""
SCENARIO = "remove_finding"
_MODELS = ("first", "second")
_ARMS: tuple[Arm, ...] = ("real", "reconstruction", "sham", "stress")


@dataclass(frozen=True)
class ReportTimes:
    """One report.

    Attributes:
        images: edited images in the audit.
        seconds: from the result to all files in place.
        page_mb: size of ``report.html``, in megabytes.
        all_mb: size of all files.
        result_mib: peak memory before the report, with the result in memory.
        peak_mib: peak memory of the whole.
        read: images that were read for the gallery.
    """

    images: int
    seconds: float
    page_mb: float
    all_mb: float
    result_mib: float
    peak_mib: float
    read: int


def make_audit(images: int, seed: int = 0) -> AuditResult:
    """Return an audit of two models on ``images`` studies in four arms, with a row for each answer."""
    rng = np.random.default_rng(seed)
    cases = [
        CaseRow(
            study_id=f"s{study:07d}",
            patient_id=f"p{study:07d}",
            model=model,
            scenario="all" if arm == "real" else SCENARIO,
            arm=arm,
            label=0,
            score=score,
            decision=int(score >= 0.5),
        )
        for model in _MODELS
        for arm in _ARMS
        for study, score in enumerate(rng.uniform(size=images).round(6).tolist())
    ]
    return AuditResult(
        tool={"radbench": "bench"},
        shift=_shift(),
        cohort=CohortSummary(
            name="folder:bench",
            digest="0" * 64,
            truth_known=False,
            studies=images,
            patients=images,
            positives=0,
        ),
        testset=TestSetSummary(
            key="0" * 64,
            records=images,
            ok=images,
            rejected=0,
            failed=0,
            attrition={"eligible": images},
            provenance={},
        ),
        seed=seed,
        intervals=IntervalSummary(replicates=2000, method="none: drawn for the benchmark"),
        gate=False,
        max_drop=0.1,
        verdict=Verdict.PASS,
        models=[_model(name, images) for name in _MODELS],
        edit_quality=[],
        cases=cases,
    )


def _shift() -> ShiftSummary:
    scenario = ScenarioSummary(
        name=SCENARIO,
        prompt="No finding.",
        invert_prompt="",
        select={},
        edit_mask={"source": "finding"},
        keep_mask=None,
        labels_after={"finding": 0},
    )
    return ShiftSummary(
        name="bench",
        title="Bench",
        description="A made-up audit.",
        kind="manifestation",
        target="finding",
        bundle="none",
        editor={"name": "radedit"},
        scenarios=[scenario],
    )


def _model(name: str, images: int) -> ModelResult:
    half = Estimate(value=0.5, low=0.49, high=0.51, n=images)
    none = Estimate(value=0.0, low=-0.01, high=0.01, n=images)
    metrics = {"accuracy": half, "specificity": half}
    arms = {arm: ArmResult(n=images, patients=images, positives=0, metrics=metrics) for arm in _ARMS}
    paired = {arm: PairedResult(drop=none, paired_drop=none) for arm in _ARMS if arm != "real"}
    return ModelResult(
        name=name,
        digest="0" * 64,
        target="finding",
        operating_point=0.5,
        operating_point_source="pre-specified",
        verdict=Verdict.PASS,
        reason="Made up.",
        arms=arms,
        paired=paired,
        scenarios={SCENARIO: ScenarioResult(arms=arms, paired=paired)},
    )


def draw_item(key: tuple[str, str]) -> GalleryItem:
    """Return a made-up edited image of a study: noise, so that no picture is larger, ``uint8 [512, 512]``."""
    rng = np.random.default_rng(int(key[0][1:]))
    original = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[100:300, 100:300] = True
    edited = np.where(mask, rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8), original)
    return GalleryItem(key[0], key[1], original, edited, mask)


def measure_report(images: int, out: Path) -> ReportTimes:
    """Write the report of a made-up audit of ``images`` edited images into ``out``, in this process."""
    result = make_audit(images)
    before, read = peak_mib(), 0

    def load(key: tuple[str, str]) -> GalleryItem:
        nonlocal read
        read += 1
        return draw_item(key)

    start = time.perf_counter()
    write_outputs(result, LazyGallery([(f"s{study:07d}", SCENARIO) for study in range(images)], load), out)
    seconds = time.perf_counter() - start
    sizes = {file.name: file.stat().st_size / 1e6 for file in out.iterdir()}
    return ReportTimes(images, seconds, sizes[REPORT], sum(sizes.values()), before, peak_mib(), read)


def peak_mib() -> float:
    """Return the largest memory that this process has held, in MiB."""
    import resource

    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib / 2**20 if sys.platform == "darwin" else kib / 2**10


def measure_in_own_process(images: int) -> ReportTimes:
    """Do ``measure_report`` in a fresh process, so that peaks of different sizes do not mix."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "radbench.bench.report", str(images), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
    return ReportTimes(**json.loads(done.stdout))


def print_report(console: "Console", sizes: tuple[int, ...] = SIZES) -> None:
    """Print seconds, megabytes and peak memory by the number of images."""
    from rich.table import Table

    table = Table(
        title="A report, by the number of edited images (two models, four arms)", title_justify="left"
    )
    for heading in ("Images", "Seconds", "Page, MB", "All files, MB", "Read", "Result, MiB", "Peak, MiB"):
        table.add_column(heading, justify="right")
    for images in sizes:
        found = measure_in_own_process(images)
        times = (f"{value:.1f}" for value in (found.seconds, found.page_mb, found.all_mb))
        memory = (f"{value:.0f}" for value in (found.result_mib, found.peak_mib))
        table.add_row(f"{found.images:,}", *times, str(found.read), *memory)
    console.print(table)
    console.print("Target: a page under 15 MB in at most 60 s at 10,000 images.", highlight=False)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure_report(int(sys.argv[1]), Path(sys.argv[2])))))
