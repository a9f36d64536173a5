"""Which films of Open-i are frontal: what their DICOM headers say, and what they look like.

A third of the headers name no view, and some call a lateral film PA. Two tables say what films look like: the mirror's
``indiana_projections.csv`` (``Frontal``, ``Lateral``), and ``nlmcxr_tsne_pa.csv.gz`` (``PA``, ``L``), which
torchxrayvision carries beside a table of the headers, ``nlmcxr_dicom_metadata.csv.gz``.
"""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from radbench.data.sources.openi_reports import film_key
from radbench.data.sources.source import Problems
from radbench.data.sources.tables import rows_of
from radbench.data.sources.trees import view_of

HEADERS: Final = "nlmcxr_dicom_metadata.csv"
CLUSTERS: Final = "nlmcxr_tsne_pa.csv"
PROJECTIONS: Final = "indiana_projections.csv"
_FRONTAL: Final = {"PA", "AP", "frontal"}
_LOOKS: Final = {"PA": "frontal", "L": "lateral", "FRONTAL": "frontal", "LATERAL": "lateral"}
_LATERAL: Final = "films that look lateral and whose header says PA or AP, taken as lateral"
_NOT_LATERAL: Final = "films that look frontal and whose header says lateral, taken as frontal"


def view_tables(root: Path) -> tuple[Path, ...]:
    """Return the tables of views that are under the root, else those that an installed torchxrayvision carries."""
    found = (_first(root, name) for name in (HEADERS, CLUSTERS, PROJECTIONS))
    return tuple(path for path in found if path is not None) or _carried()


def _first(root: Path, name: str) -> Path | None:
    matches = (sorted(root.glob(f"{place}{name}{end}")) for place in ("", "*/") for end in ("", ".gz"))
    return next((match[0] for match in matches if match), None)


def _carried() -> tuple[Path, ...]:
    spec = find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        return ()
    folder = Path(spec.origin).parent / "data"
    paths = (folder / f"{name}.gz" for name in (HEADERS, CLUSTERS))
    return tuple(path for path in paths if path.is_file())


@dataclass
class Views:
    """What is known of the films' views, by ``film_key``."""

    headers: dict[str, str] = field(default_factory=dict)
    looks: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, tables: tuple[Path, ...]) -> "Views":
        """Read the tables that ``view_tables`` found."""
        views = cls()
        for table in tables:
            if table.name.startswith(HEADERS):
                for _, row in rows_of(table, ["imageid", "View Position"]):
                    views.headers[film_key(row["imageid"])] = header_view(row["View Position"])
            elif table.name.startswith(CLUSTERS):
                for _, row in rows_of(table, ["imageid", "tsne-view"]):
                    views.looks[film_key(row["imageid"])] = _LOOKS.get(row["tsne-view"], "unknown")
            else:
                for _, row in rows_of(table, ["uid", "filename", "projection"]):
                    views.looks[film_key(row["filename"])] = _LOOKS.get(row["projection"].upper(), "unknown")
        return views

    def of(self, key: str, problems: Problems) -> str:
        """Return a film's view; where header and look differ, the look counts and ``problems`` gains it."""
        header, looks = self.headers.get(key, "unknown"), self.looks.get(key, "unknown")
        if looks == "lateral":
            if header in _FRONTAL:
                problems.add(_LATERAL, key)
            return "lateral"
        if looks == "frontal" and header not in _FRONTAL:
            if header == "lateral":
                problems.add(_NOT_LATERAL, key)
            return "frontal"
        return header


def header_view(text: str) -> str:
    """Return a view for what a header says; ``LARGE LATERAL`` is lateral too."""
    return view_of("LATERAL" if text.upper().endswith("LATERAL") else text)
