"""Montgomery County tuberculosis set (National Library of Medicine): 138 films with outlines of both lungs.

``CXR_png/MCUCXR_0001_0.png``, ``ClinicalReadings/MCUCXR_0001_0.txt``, ``ManualMask/{leftMask,rightMask}/<film>.png``.
Films are 4020 x 4892 or 4892 x 4020 pixels. Some masks have stray blobs (left of MCUCXR_0399_1, right of
MCUCXR_0052_0), which is warned of. A few films are of one patient, which only the readings say ("same pt as
MCUCXR_0162_1"). A Kaggle mirror has both lungs in one picture, ``masks/<film>.png``.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from radbench.data.sources.nlm import NlmFiles, NlmSet

_SAME = re.compile(r"same\s+(?:pt|patient)\s+as\s+(MCUCXR_\d+_[01])", re.IGNORECASE)


class Montgomery(NlmSet):
    """Montgomery County: one PNG, one label, two lungs."""

    name = "montgomery"
    title = "Montgomery County chest X-ray set (tuberculosis)"
    url = (
        "https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/Montgomery-County-CXR-Set/"
    )
    licence = "free to use; credit the National Library of Medicine, cite Jaeger et al. 2014"
    download = ("MontgomerySet/ with CXR_png/, ClinicalReadings/, ManualMask/",)
    masks = ("lung_left", "lung_right", "lungs")
    prefix = "MCUCXR_"
    film_view = "PA"

    def masks_of(self, stem: str, files: NlmFiles, root: Path) -> dict[str, str]:
        """Return each lung and both together."""
        found = {
            f"lung_{side}": f"{paths[stem].relative_to(root).as_posix()}#parts=1,side={side}"
            for side, paths in (("left", files.left), ("right", files.right))
            if stem in paths
        }
        if len(found) == 2:
            found["lungs"] = " + ".join(found.values())
        elif stem in files.both:
            found["lungs"] = f"{files.both[stem].relative_to(root).as_posix()}#parts=2"
        return found

    def patients(self, readings: Mapping[str, str]) -> dict[str, str]:
        """Return the patient of films whose reading names another film of the same one."""
        same = {stem: found[1] for stem, text in readings.items() if (found := _SAME.search(text))}
        patients = {}
        for stem, other in same.items():
            seen = {stem}
            while other in same and other not in seen:
                seen.add(other)
                other = same[other]  # noqa: PLW2901 (follows the chain to the film that names none)
            patients[stem] = other.upper()[:-2]
        return patients
