"""The masks of an index, each read when it is wanted: gigabytes of run lengths are never held."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from radbench.data.masks.reference import MaskReference


class MaskStore:
    """The references in a ``masks.parquet``, by row; the file is opened when the first one is wanted.

    Args:
        path: the file.
        root: the folder that files in a reference are relative to.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self.root = path, root
        self._group = lru_cache(maxsize=8)(self._read_group)

    def __getitem__(self, row: int) -> str:
        """The reference in a row, counted from 0."""
        group = bisect_right(self._starts, row) - 1
        return self._group(group)[row - self._starts[group]]

    @cached_property
    def _file(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.path)

    @cached_property
    def _starts(self) -> list[int]:
        """First row of each row group."""
        metadata = self._file.metadata
        sizes = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        return [0, *accumulate(sizes)][:-1]

    def _read_group(self, group: int) -> list[str]:
        return [str(text) for text in self._file.read_row_group(group)["reference"].to_pylist()]


class StoredMasks(Mapping[str, MaskReference]):
    """A film's masks by name.

    Args:
        held: by name, the store and the row in it.
    """

    def __init__(self, held: Mapping[str, tuple[MaskStore, int]]) -> None:
        self._held = held

    def __getitem__(self, name: str) -> MaskReference:
        store, row = self._held[name]
        return MaskReference.read(store[row], store.root)

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)
