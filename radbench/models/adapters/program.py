"""A program (or a container's command line) that reads a folder of images and writes a table or a folder of masks.

The folder holds ``<sha256>.png`` for each image (8 bits, one channel, as the cohort has it: the program does its own
preprocessing) and ``index.csv``. The program is started once for each batch of images, without a shell, in the folder
of the YAML file that declares it; an image that it leaves out has no answer.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from radbench.errors import UsageError
from radbench.models.adapters.base import Adapter, joined
from radbench.models.adapters.surroundings import Surroundings, surroundings
from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.source import stated_source
from radbench.models.tables.answers import read_answers
from radbench.models.tables.commands import finish
from radbench.models.tables.keyed import keys_of, write_pictures
from radbench.models.tables.masks import mask_file, read_masks
from radbench.runtime import canonical_json, sha256_bytes, sha256_file
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

INPUT: Final = "{input}"
OUTPUT: Final = "{output}"


class Program(Adapter):
    """A command line as a model.

    The digest holds the command and all that a program in its sandbox may read: see ``surroundings``. Where that is
    too much for a digest, or the program is trusted and so may read whatever its user may, it is asked anew each time.
    """

    format: ClassVar[str] = "program"
    _around: Surroundings | None = None

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> None:
        self._command = list(spec.command or [])
        super().__init__(spec, device, trust=trust)

    @property
    def folder(self) -> Path:
        """The folder that the program is started in, to which relative names in its command refer."""
        return self.spec.resolve(".").absolute()

    def verify(self) -> str:
        """Return the digest of the command and of the files that it names; runs nothing.

        Raises:
            UsageError: a command without ``{input}`` and ``{output}``, a program that is not there, a declared
                ``sha256`` (a program cannot be pinned by one), or masks that are declared to be logits.
        """
        self._refuse_unfit()
        words = [self._word(word) for word in self._command]
        return sha256_bytes(canonical_json(words))

    @property
    def digest(self) -> str:
        """SHA-256 of the declaration and of all that the program may read; computed once."""
        return sha256_bytes(canonical_json([self.delivered, self._surroundings().sha256]))

    def asked_anew(self) -> str:
        """Return why no answer may be remembered, in words; see ``Adapter.asked_anew``."""
        if self.trust:
            return "it is trusted to run as its user, so that no digest says what it reads"
        return self._surroundings().too_much

    def _surroundings(self) -> Surroundings:
        if self._around is None:
            program = self._command[0]
            found = self.folder / program if "/" in program else Path(str(shutil.which(program)))
            self._around = surroundings(self.folder, self._command, found)
        return self._around

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return what the program says of uint8 [H, W] images; see ``Adapter.predict``.

        Raises:
            UsageError: an image of another type, or (for masks) of several sizes in one call.
            ModelFailureError: the program fails, takes more than ``limits.batch_seconds``, or writes what its
                declaration rules out.
        """
        keys = keys_of(images)
        self._refuse_several_sizes(images)
        if not keys:
            return joined([], self.spec)
        with tempfile.TemporaryDirectory(prefix="radbench-program-", ignore_cleanup_errors=True) as place:
            given, output = Path(place) / "input", self._output(Path(place))
            given.mkdir()
            write_pictures(dict(zip(keys, images, strict=True)), given)
            self._run(given, output)
            try:
                return self._read(output, keys, [(image.shape[0], image.shape[1]) for image in images])
            except UsageError as error:
                said = str(error).replace(f"{place}/", "")
                raise ModelFailureError(f"Model '{self.spec.name}' wrote: {said}", kind="output") from error

    def _run(self, given: Path, output: Path) -> None:
        filled = [word.replace(INPUT, str(given)).replace(OUTPUT, str(output)) for word in self._command]
        finish(filled, self.folder, self.spec.limits.batch_seconds, f"Model '{self.spec.name}'")

    def _output(self, place: Path) -> Path:
        """Return where the program is to write: a file that is not there yet, or an empty folder for masks."""
        if self.spec.task != "segmentation":
            return place / "answers.csv"
        folder = place / "masks"
        folder.mkdir()
        return folder

    def _read(self, output: Path, keys: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Prediction:
        if self.spec.task == "segmentation":
            absent = [key for key in keys if not mask_file(output, key).is_file()]
            if absent:
                raise UsageError(
                    f"no mask for {len(absent)} of {len(keys)} images ({absent[0]}.png among them), expected one for "
                    "each; an empty one where nothing was found."
                )
            return Prediction("masks", read_masks(output, keys, sizes, self.spec))
        answers = read_answers(output, self.spec)
        strange = next((number for key, number in answers.numbers.items() if key not in set(keys)), None)
        if strange is not None:
            raise UsageError(
                f"{answers.places[strange]}: an image that it was not given, expected those of index.csv."
            )
        return answers.of(keys)

    def _word(self, word: str) -> Any:
        """Return a word of the command as it counts for the digest: a file by its name and content.

        A file is named by a whole word, or behind the sign of ``--option=FILE``.
        """
        option, sign, name = word.rpartition("=")
        path = self.folder / name
        with contextlib.suppress(OSError):  # a script on the command line is longer than a name can be
            if path.is_file():
                return [option + sign + path.name, sha256_file(path)]
        return word

    def _refuse_unfit(self) -> None:
        where = stated_source(self.spec, "command")
        if self.spec.sha256 is not None:
            raise UsageError(
                f"{where}: 'sha256' is declared too, expected none: a program cannot be pinned by one digest."
            )
        for mark in (INPUT, OUTPUT):
            if not any(mark in word for word in self._command):
                raise UsageError(
                    f"{where} lacks {mark}, expected it where the program is told the "
                    f"{'folder of images' if mark == INPUT else 'table (or folder of masks) to write'}."
                )
        program = self._command[0]
        found = self.folder / program if "/" in program else shutil.which(program)
        if found is None or shutil.which(str(found)) is None:
            raise UsageError(
                f"{where} starts '{program}', which is not there or may not be run; expected a program on the PATH, "
                "or a path to one (./NAME beside the YAML file)."
            )
        if self.spec.task == "segmentation" and self.spec.output == "logits":
            raise UsageError(
                f"{where}: output is logits, which a PNG cannot hold; expected labels or probabilities."
            )

    def _refuse_several_sizes(self, images: Sequence[Image]) -> None:
        sizes = {image.shape for image in images}
        if self.spec.task == "segmentation" and len(sizes) > 1:
            raise UsageError(
                f"Model '{self.spec.name}' was given images of {len(sizes)} sizes, expected one size in a call."
            )
