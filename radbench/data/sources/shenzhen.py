"""Shenzhen Hospital tuberculosis set (National Library of Medicine): 662 films, outlines of the lungs for 566.

``ChinaSet_AllFiles/CXR_png/CHNCXR_0001_0.png`` and ``ClinicalReadings/CHNCXR_0001_0.txt``. Films are about 3000 x 3000
pixels, and PNG with a palette or with three channels of the same gray. The outlines are another download (Stirenko et
al. 2018, Kaggle "shcxr-lung-mask"), ``mask/CHNCXR_0001_0_mask.png``: both lungs in one picture.
"""

from pathlib import Path

from radbench.data.sources.nlm import NlmFiles, NlmSet


class Shenzhen(NlmSet):
    """Shenzhen: one PNG, one label, for most films the lungs."""

    name = "shenzhen"
    title = "Shenzhen Hospital chest X-ray set (tuberculosis)"
    url = (
        "https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/Shenzhen-Hospital-CXR-Set/"
    )
    licence = "free to use; credit the National Library of Medicine, cite Jaeger et al. 2014"
    download = (
        "ChinaSet_AllFiles/ with CXR_png/ and ClinicalReadings/",
        "for masks, mask/ of https://www.kaggle.com/datasets/yoctoman/shcxr-lung-mask beside it",
    )
    masks = ("lungs",)
    prefix = "CHNCXR_"
    film_view = "frontal"

    def masks_of(self, stem: str, files: NlmFiles, root: Path) -> dict[str, str]:
        """Return both lungs, where somebody outlined them."""
        path = files.both.get(stem)
        return {} if path is None else {"lungs": f"{path.relative_to(root).as_posix()}#parts=2"}
