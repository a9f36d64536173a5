"""An audit's files: the report with its pictures, the result, the tables, and what a CI system reads."""

from pathlib import Path

from radbench.api.galleries import gallery, rejected_gallery
from radbench.api.gates import ci_files
from radbench.api.job import Audited
from radbench.api.saliency import SaliencyMaps
from radbench.plots import Plots
from radbench.report.identity import deidentified
from radbench.report.outputs import write_outputs


def write(
    found: Audited,
    folder: Path,
    cache: Path,
    *,
    identifiers: bool = False,
    sidecar: bool = False,
    figures: bool = False,
) -> Path:
    """Write an audit's files, all or none; return the report's path.

    Args:
        found: The audit.
        folder: Where to; made if missing.
        cache: The cache's root, where the maps of what models looked at are kept.
        identifiers: Name studies and patients; otherwise running numbers stand for them in every file.
        sidecar: Also write every edited image.
        figures: Also write the figures as SVG and PNG, for papers, into ``figures/``.

    Raises:
        UsageError: The folder cannot be written.
    """
    opened, result = found.opened, found.result
    maps = SaliencyMaps(opened.everyone, cache)
    shown = gallery(result, opened.cohort, found.testset, maps, native=opened.job.shift.composite == "native")
    report = write_outputs(
        result,
        shown,
        folder,
        rejected_gallery(opened.cohort, found.testset),
        identifiers=identifiers,
        sidecar=sidecar,
        beside=ci_files([result if identifiers else deidentified(result)]),
    )
    if figures:
        Plots(result).save(folder / "figures")
    return report
