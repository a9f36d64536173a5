"""The films of a training, each read once: through the model's input contract to 8 bits, in files of the cache.

A film of 512 x 512 pixels takes 256 KiB, its mask 32 KiB. The files are addressed by everything that decides them, so a
second run, another seed or a resumed training reads no DICOM again; a filling that was stopped goes on where it was.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.data.cohort import Cohort, Mask, Pixels, Study
from radbench.errors import UsageError
from radbench.models.preprocess import canvas, placed, to_batch
from radbench.runtime import atomic_write, canonical_json, sha256_bytes
from radbench.specs import InputContract, RecipeSpec

VERSION: Final = 1
"""Part of every address; raised when the same films would be kept otherwise."""
NO_LABEL: Final = 2
"""Stands for a label that nobody knows, where a segmenter needs none."""
IMAGE_DIGEST: Final = 32
"""Bytes of a film's SHA-256; that of its mask follows."""
_CHUNK: Final = 64
_SPARE: Final = 1 << 28
"""Bytes that the disk keeps free."""

Report: TypeAlias = Callable[[int, int], None]
Bytes: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True)
class Wanted:
    """What is kept of each film.

    Attributes:
        target: the finding.
        masks: names of the masks whose union is kept; none where no mask is asked for.
        contract: how the film reaches the model.
        labelled: whether every film needs a label.
    """

    target: str
    masks: tuple[str, ...]
    contract: InputContract
    labelled: bool

    @classmethod
    def of(cls, recipe: RecipeSpec) -> "Wanted":
        """Return what a recipe asks for."""
        masks = tuple(recipe.mask_names) if recipe.draws_masks else ()
        return cls(recipe.target, masks, recipe.input, recipe.labels_films)

    @property
    def geometry(self) -> InputContract:
        """The contract without what comes after 8 bits: range, mean, deviation, channels."""
        plain = {"channels": 1, "value_range": [0.0, 1.0], "mean": [], "std": [], "channel_def": {}}
        return self.contract.model_copy(update={**plain, "dtype": "float32"})

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        geometry = self.geometry.model_dump()
        return {
            "target": self.target,
            "masks": list(self.masks),
            "labelled": self.labelled,
            "input": geometry,
        }


@dataclass(frozen=True)
class Taken:
    """The studies of a cohort that a training can use, and why the others are left out."""

    studies: tuple[Study, ...]
    labels: tuple[int, ...]
    left_out: dict[str, int] = field(default_factory=dict)


def usable(cohort: Cohort, wanted: Wanted) -> Taken:
    """Return the studies with a label and a mask where those are asked for.

    A study whose finding is absent (label 0) needs no mask: there is nothing to draw.

    Raises:
        UsageError: no study is left.
    """
    has_mask = getattr(cohort, "has_mask", None)
    studies: list[Study] = []
    labels: list[int] = []
    left_out: dict[str, int] = {}
    for study in cohort.studies:
        label = study.labels.get(wanted.target, NO_LABEL)
        reason = ""
        if wanted.labelled and label == NO_LABEL:
            reason = f"no label of {wanted.target}"
        elif wanted.masks and label != 0 and has_mask is not None:
            lacking = [name for name in wanted.masks if not has_mask(study, name)]
            reason = f"no mask {lacking[0]}" if lacking else ""
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        studies.append(study)
        labels.append(label)
    if not studies:
        told = ", ".join(f"{count} have {reason}" for reason, count in left_out.items()) or "it has none"
        raise UsageError(
            f"No study of cohort '{cohort.name}' can be trained on: {told}. Expected studies with "
            f"{'the label' if wanted.labelled else 'the mask'} '{wanted.target}'."
        )
    return Taken(tuple(studies), tuple(labels), left_out)


@dataclass(frozen=True)
class Films:
    """The kept films of one cohort.

    Attributes:
        cohort: its name.
        digest: its digest.
        dataset: what patients' ids are unique in, see ``disjoint``.
        studies: the studies, in order.
        labels: 0, 1 or ``NO_LABEL``, [N].
        images: uint8 [N, H, W], a view of the file.
        packed: bits of the masks, uint8 [N, H, ceil(W / 8)], or None.
        rows: SHA-256 of each film's image and of its mask, uint8 [N, 64].
        sha256: of all images, masks and labels.
        left_out: reasons and counts.
        notes: what the cohort says of itself.
        folder: where the files are.
    """

    cohort: str
    digest: str
    dataset: str
    studies: tuple[Study, ...]
    labels: Bytes
    images: Bytes
    packed: Bytes | None
    rows: Bytes
    sha256: str
    left_out: dict[str, int]
    notes: tuple[str, ...]
    folder: Path

    def __len__(self) -> int:
        return len(self.studies)

    def mask(self, index: int) -> Mask:
        """Return one film's mask, bool [H, W]."""
        if self.packed is None:
            raise ValueError("these films were kept without masks")
        return np.unpackbits(self.packed[index], axis=-1, count=self.images.shape[2]).astype(bool)


def keep_films(
    cohort: Cohort,
    wanted: Wanted,
    cache: Path,
    *,
    dataset: str,
    threads: int = 4,
    report: Report | None = None,
) -> Films:
    """Return a cohort's films as a training uses them, read now or found in the cache.

    Args:
        cohort: the cohort.
        wanted: what is kept of each film.
        cache: the cache's folder.
        dataset: what patients' ids are unique in.
        threads: films read at once.
        report: called with the films done and all of them.

    Raises:
        UsageError: no study can be used, a film or mask cannot be read, or the disk has no room.
    """
    from filelock import FileLock

    taken = usable(cohort, wanted)
    identity = [VERSION, cohort.digest, wanted.plain(), [study.study_id for study in taken.studies]]
    folder = cache / "training" / sha256_bytes(canonical_json(identity))[:32]
    files = _Files(folder, len(taken.studies), wanted)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not files.finished.is_file():
            _fill(files, cohort, taken, wanted, threads, report)
        found = files.verified()
    labels = np.array(taken.labels, np.uint8)
    images, packed, rows = found
    return Films(
        cohort.name,
        cohort.digest,
        dataset,
        taken.studies,
        labels,
        images,
        packed,
        rows,
        sha256_bytes(rows.tobytes() + labels.tobytes()),
        taken.left_out,
        tuple(getattr(cohort, "notes", ())),
        folder,
    )


class _Files:
    """The files of one cohort's films."""

    def __init__(self, folder: Path, count: int, wanted: Wanted) -> None:
        self.folder, self.count = folder, count
        self.finished = folder / "films.json"
        height, width = wanted.contract.spatial_shape
        self._shapes = {"images": (count, height, width), "rows": (count, 2 * IMAGE_DIGEST)}
        if wanted.masks:
            self._shapes["masks"] = (count, height, (width + 7) // 8)

    def open(self, mode: str) -> dict[str, Bytes]:
        """Return the arrays, mapped from their files."""
        return {
            name: np.load(self.folder / f"{name}.npy", mmap_mode=mode)  # type: ignore[arg-type]
            for name in self._shapes
        }

    def begin(self) -> dict[str, Bytes]:
        """Return the arrays to write to, with what an earlier filling left in them."""
        import shutil

        needed = sum(int(np.prod(shape)) for shape in self._shapes.values())
        there = all((self.folder / f"{name}.npy").is_file() for name in self._shapes)
        if not there:
            free = shutil.disk_usage(self.folder).free
            if free < needed + _SPARE:
                raise UsageError(
                    f"The {self.count} films need {needed / 2**30:.1f} GiB in {self.folder}, and {free / 2**30:.1f} "
                    "GiB are free; make room, or move the cache with RADBENCH_CACHE."
                )
            for name, shape in self._shapes.items():
                np.lib.format.open_memmap(self.folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)
        return self.open("r+")

    def verified(self) -> tuple[Bytes, Bytes | None, Bytes]:
        """Return images, masks and digests.

        Raises:
            UsageError: a file is not as it was written.
        """
        try:
            arrays = self.open("r")
            told = json.loads(self.finished.read_text(encoding="utf-8"))
            sound = told["rows"] == sha256_bytes(arrays["rows"].tobytes()) and all(
                bytes(arrays["rows"][index]) == digest_of(arrays, index) for index in range(self.count)
            )
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"{self.folder}: kept films cannot be read ({error}); remove the folder."
            ) from error
        if not sound:
            raise UsageError(f"{self.folder}: kept films are not as they were written; remove the folder.")
        return arrays["images"], arrays.get("masks"), np.array(arrays["rows"])


def digest_of(arrays: dict[str, Bytes], index: int) -> bytes:
    """Return the SHA-256 of one film's image and that of its mask (of nothing without one), 64 bytes."""
    mask = arrays["masks"][index].tobytes() if "masks" in arrays else b""
    return sha256(arrays["images"][index].tobytes()).digest() + sha256(mask).digest()


def _fill(
    files: _Files, cohort: Cohort, taken: Taken, wanted: Wanted, threads: int, report: Report | None
) -> None:
    arrays = files.begin()
    blank = ~arrays["rows"].any(axis=1)
    todo = [int(index) for index in np.flatnonzero(blank)]
    done = files.count - len(todo)

    def read(index: int) -> tuple[int, Bytes, Bytes | None]:
        study, label = taken.studies[index], taken.labels[index]
        return index, *_read(cohort, study, label, wanted)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for chunk in _chunks(todo):
            for index, image, mask in pool.map(read, chunk):
                arrays["images"][index] = image
                if mask is not None:
                    arrays["masks"][index] = mask
                arrays["rows"][index] = np.frombuffer(digest_of(arrays, index), np.uint8)
                done += 1
                if report is not None:
                    report(done, files.count)
    for array in arrays.values():
        array.flush()  # type: ignore[attr-defined] # a memmap
    told = {"cohort": cohort.name, "films": files.count, "rows": sha256_bytes(arrays["rows"].tobytes())}
    atomic_write(files.finished, canonical_json(told | {"wanted": wanted.plain()}))


def _chunks(todo: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(todo), _CHUNK):
        yield todo[start : start + _CHUNK]


def _read(cohort: Cohort, study: Study, label: int, wanted: Wanted) -> tuple[Bytes, Bytes | None]:
    film = cohort.film(study)
    image = seen(film, wanted.geometry)
    if not wanted.masks:
        return image, None
    height, width = film.shape
    mask = np.zeros((height, width), np.bool_)
    for name in wanted.masks:
        if label != 0 or _holds(cohort, study, name):
            mask |= cohort.native_mask(study, name)
    return image, np.packbits(seen_mask(mask, wanted.geometry), axis=-1)


def _holds(cohort: Cohort, study: Study, name: str) -> bool:
    has_mask = getattr(cohort, "has_mask", None)
    return has_mask is not None and bool(has_mask(study, name))


def seen(film: Pixels, geometry: InputContract) -> Bytes:
    """Return a film as the model sees it before range and standardisation, uint8 [H, W] (the model: float)."""
    shares = to_batch([film], geometry, 1)[0, 0]
    return np.asarray(np.rint(shares * np.float32(255)), np.uint8)


def seen_mask(mask: Mask, geometry: InputContract) -> Mask:
    """Return a mask of a film where the model sees it, bool [H, W] (bilinear, from a half)."""
    from PIL import Image

    whole = placed(mask.astype(np.float32), canvas((mask.shape[0], mask.shape[1]), geometry))
    height, width = geometry.spatial_shape
    if whole.shape != (height, width):
        whole = np.asarray(Image.fromarray(whole).resize((width, height), Image.Resampling.BILINEAR))
    found: Mask = whole >= 0.5
    return found
