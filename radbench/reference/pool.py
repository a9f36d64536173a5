"""The pool of phantom renderings that the diffusion model is trained on, kept in a resumable working folder."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from radbench.phantom.canvas import Stream
from radbench.phantom.prompts import every_text, report
from radbench.phantom.recipes import recipe
from radbench.phantom.render import render
from radbench.runtime import atomic_write

RENDERINGS = 2
"""Images a patient: two independent draws of findings and hospital on one anatomy."""

_PIXELS, _CHUNK = 128, 100
_SEED_OFFSET = 500_000_000


@dataclass(frozen=True)
class Pool:
    """``images`` uint8 [patients, 2, 128, 128]; ``texts`` int64 [patients, 2] index ``corpus``; corpus[0] is empty."""

    images: NDArray[np.uint8]
    texts: NDArray[np.int64]
    corpus: list[str]


def build_pool(
    cohort: str, patients: int, seed: int, folder: Path, workers: int, progress: Callable[[int, int], None]
) -> Pool:
    """Render the pool, or go on where an interrupted call stopped.

    Args:
        cohort: an embedded cohort's name, e.g. ``phantom/mixed``; its recipe is drawn twice a patient.
        patients: how many patients.
        seed: another seed gives other patients; none of them occurs in an embedded cohort's splits.
        folder: working folder.
        workers: processes.
        progress: called with (patients rendered, patients in all).
    """
    folder.mkdir(parents=True, exist_ok=True)
    corpus = ["", *every_text()]
    images = _array(folder / "images.npy", np.uint8, (patients, RENDERINGS, _PIXELS, _PIXELS))
    texts = _array(folder / "texts.npy", np.int64, (patients, RENDERINGS))
    done_file = folder / "done.json"
    done = set(json.loads(done_file.read_text()) if done_file.exists() else [])
    starts = [start for start in range(0, patients, _CHUNK) if start not in done]
    progress(min(len(done) * _CHUNK, patients), patients)
    with ProcessPoolExecutor(max_workers=workers) as executor:
        jobs = ((cohort, seed, start, min(start + _CHUNK, patients)) for start in starts)
        for start, chunk, words in executor.map(_render_chunk, jobs):
            images[start : start + len(chunk)] = chunk
            texts[start : start + len(chunk)] = [[corpus.index(text) for text in pair] for pair in words]
            done.add(start)
            images.flush()
            texts.flush()
            atomic_write(done_file, json.dumps(sorted(done)).encode())
            progress(min(len(done) * _CHUNK, patients), patients)
    return Pool(images, texts, corpus)


def _render_chunk(job: tuple[str, int, int, int]) -> tuple[int, NDArray[np.uint8], list[list[str]]]:
    cohort, seed, start, stop = job
    draw = recipe(cohort.removeprefix("phantom/"))
    images = np.empty((stop - start, RENDERINGS, _PIXELS, _PIXELS), dtype=np.uint8)
    texts: list[list[str]] = []
    for row, index in enumerate(range(start, stop)):
        patient = _SEED_OFFSET + seed * 10_000_000 + index
        texts.append([])
        for rendering in range(RENDERINGS):
            stream = Stream(patient, 201 + rendering)
            drawn = draw(stream)
            images[row, rendering] = render(patient, drawn.findings, drawn.hospital, _PIXELS).image
            texts[row].append(report(drawn.findings, stream))
    return start, images, texts


def _array(path: Path, dtype: type, shape: tuple[int, ...]) -> np.memmap:
    if path.exists():
        existing: np.memmap = open_memmap(path, mode="r+")
        if existing.shape == shape:
            return existing
        path.with_name("done.json").unlink(missing_ok=True)
    return open_memmap(path, mode="w+", dtype=dtype, shape=shape)
