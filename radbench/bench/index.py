"""How long a dataset's index takes to make and to open, and what it costs in memory, by the number of films.

The dataset is made up: one table of fourteen findings, a folder of empty files, run lengths for a tenth of the films.
What an index does depends on how many rows and files there are. Each size is measured in a process of its own.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from radbench.bench.report import peak_mib
from radbench.data.sources.index import open_index
from radbench.data.sources.source import DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import rows_of

if TYPE_CHECKING:
    from rich.console import Console

SIZES: Final = (10_000, 100_000, 400_000)
_FINDINGS: Final = tuple(f"finding_{letter}" for letter in "abcdefghijklmn")
_RUNS: Final = " ".join(f"{1 + 1024 * row + 200} {300 + row % 50}" for row in range(200, 800, 2))


@dataclass(frozen=True)
class IndexTimes:
    """One index.

    Attributes:
        films: rows of the table.
        made: seconds to make it.
        opened: seconds to open it again and draw 500 films of one split.
        index_mb: size on disk in megabytes.
        peak_mib: largest memory of the process that made it.
    """

    films: int
    made: float
    opened: float
    index_mb: float
    peak_mib: float


class MadeUp(DatasetSource):
    """A dataset of the benchmark."""

    name = "made-up"
    title = "Made up"
    url = "none"
    licence = "none"
    download = ("table.csv", "films/")
    labels = _FINDINGS
    words: ClassVar[Mapping[str, str]] = {finding: finding.replace("_", " ") for finding in _FINDINGS}
    attributes: ClassVar[Mapping[str, Kind]] = {"age": int, "sex": str}
    masks = ("finding_a",)

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the one table."""
        del host
        return (root / "table.csv",)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a film a row."""
        del problems, host
        columns = ["film", "patient", "split", "view", "age", "sex", *_FINDINGS]
        for number, row in rows_of(root / "table.csv", columns):
            labels = {finding: int(row[finding]) for finding in _FINDINGS if row[finding]}
            yield FilmRow(
                row["film"],
                row["patient"],
                f"films/{row['film'][:4]}/{row['film']}.png",
                row["view"],
                row["split"],
                labels,
                {"age": int(row["age"]), "sex": row["sex"]},
                masks={"finding_a": f"{_RUNS}#rle=absolute,order=row,size=1024x1024"}
                if number % 10 == 0
                else {},
            )


def make_dataset(root: Path, films: int, seed: int = 0) -> None:
    """Write the table and the empty files of ``films`` films."""
    draw = random.Random(seed)  # noqa: S311 - made up, not secret
    values = ("1", "0", "-1", "", "", "")
    root.mkdir(parents=True, exist_ok=True)
    with (root / "table.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(["film", "patient", "split", "view", "age", "sex", *_FINDINGS]) + "\n")
        for number in range(films):
            name = f"{number % 1000:04d}{number:08d}"
            path = root / "films" / name[:4] / f"{name}.png"
            if number < 1000:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            known = ["test" if number % 10 == 0 else "train", draw.choice(("PA", "AP", "lateral"))]
            told = [
                *known,
                str(draw.randrange(18, 95)),
                draw.choice("FM"),
                *(draw.choice(values) for _ in _FINDINGS),
            ]
            file.write(",".join([name, f"p{number // 3}", *told]) + "\n")


def measure_index(root: Path, cache: Path) -> IndexTimes:
    """Make and open the index of a made-up dataset in this process."""
    import os

    from radbench.data.sources import cohort
    from radbench.specs import CohortSpec

    os.environ["RADBENCH_CACHE"] = str(cache)
    source, start = MadeUp(), time.perf_counter()
    index = open_index(source, root, cache)
    made = time.perf_counter() - start
    cohort.get_source = lambda name: source  # type: ignore[attr-defined] # noqa: ARG005 - no other is asked for
    start = time.perf_counter()
    cohort.open_dataset(CohortSpec(cohort="made-up", root=str(root), size=500), Path, 512)
    opened = time.perf_counter() - start
    size = sum(file.stat().st_size for file in index.folder.iterdir()) / 1e6
    return IndexTimes(index.facts.films, made, opened, size, peak_mib())


def measure_in_own_process(films: int) -> IndexTimes:
    """Do ``measure_index`` in a fresh process, on a dataset that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "dataset"
        make_dataset(root, films)
        command = [sys.executable, "-m", "radbench.bench.index", str(root), str(Path(folder) / "cache")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own module
    return IndexTimes(**json.loads(done.stdout))


def print_index(console: "Console") -> None:
    """Measure every size and print a table."""
    from rich.table import Table

    table = Table(title="A dataset's index")
    for heading in ("Films", "Make, s", "Open and draw 500, s", "Index, MB", "Peak memory, MiB"):
        table.add_column(heading, justify="right")
    for films in SIZES:
        one = measure_in_own_process(films)
        table.add_row(
            f"{one.films:,}",
            f"{one.made:.1f}",
            f"{one.opened:.2f}",
            f"{one.index_mb:.1f}",
            f"{one.peak_mib:.0f}",
        )
    console.print(table)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure_index(Path(sys.argv[1]), Path(sys.argv[2])))))
