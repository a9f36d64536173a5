"""The findings of PadChest and of BIMCV-COVID19: a list of words a study, and what it says of the rest.

A list names what the report names: ``['pleural effusion', 'chest drain tube']``. Words are compared whole, after the
space around them is cut off: ``pseudonodule`` is no nodule. What a list does not name is absent, except where it names
nothing at all, says ``unchanged`` (as on the film before) or ``exclude``: there it is unknown.

Words: Bustos et al., "PadChest" (Medical Image Analysis 66, 2020, doi:10.1016/j.media.2020.101797), as the table of
January 2019 has them.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Final

from radbench.data.sources.source import NO_FINDINGS, Problems

_WORDS: Final = """
abnormal foreign body; abscess; adenopathy; air bronchogram; air fluid level; air trapping; alveolar
pattern; aortic aneurysm; aortic atheromatosis; aortic button enlargement; aortic elongation; aortic
endoprosthesis; apical pleural thickening; artificial aortic heart valve; artificial heart valve; artificial
mitral heart valve; asbestosis signs; ascendent aortic elongation; atelectasis; atelectasis basal; atypical
pneumonia; axial hyperostosis; azygoesophageal recess shift; azygos lobe; blastic bone lesion; bone cement;
bone metastasis; breast mass; bronchiectasis; bronchovascular markings; bullas; calcified adenopathy;
calcified densities; calcified fibroadenoma; calcified granuloma; calcified mediastinal adenopathy;
calcified pleural plaques; calcified pleural thickening; callus rib fracture; cardiomegaly; catheter;
cavitation; central vascular redistribution; central venous catheter; central venous catheter via jugular
vein; central venous catheter via subclavian vein; central venous catheter via umbilical vein; cervical rib;
chest drain tube; Chilaiditi sign; chronic changes; clavicle fracture; consolidation; COPD signs;
costochondral junction hypertrophy; costophrenic angle blunting; cyst; dai; descendent aortic elongation;
dextrocardia; diaphragmatic eventration; double J stent; dual chamber device; electrical device; emphysema;
empyema; end on vessel; endoprosthesis; endotracheal tube; esophagic dilatation; external foreign body;
fibrotic band; fissure thickening; flattened diaphragm; fracture; gastrostomy tube; goiter; granuloma;
ground glass pattern; gynecomastia; heart insufficiency; heart valve calcified; hemidiaphragm elevation;
hiatal hernia; hilar congestion; hilar enlargement; humeral fracture; humeral prosthesis; hydropneumothorax;
hyperinflated lung; hypoexpansion; hypoexpansion basal; increased density; infiltrates; interstitial
pattern; kerley lines; kyphosis; laminar atelectasis; lepidic adenocarcinoma; lipomatosis; lobar
atelectasis; loculated fissural effusion; loculated pleural effusion; lung metastasis; lung vascular
paucity; lymphangitis carcinomatosa; lytic bone lesion; major fissure thickening; mammary prosthesis; mass;
mastectomy; mediastinal enlargement; mediastinal mass; mediastinal shift; mediastinic lipomatosis; metal;
miliary opacities; minor fissure thickening; multiple nodules; nephrostomy tube; nipple shadow; nodule; non
axial articular degenerative changes; NSG tube; obesity; osteopenia; osteoporosis; osteosynthesis material;
pacemaker; pectum carinatum; pectum excavatum; pericardial effusion; pleural effusion; pleural mass; pleural
plaques; pleural thickening; pneumomediastinum; pneumonia; pneumoperitoneo; pneumothorax; post radiotherapy
changes; prosthesis; pseudonodule; pulmonary artery enlargement; pulmonary artery hypertension; pulmonary
edema; pulmonary fibrosis; pulmonary hypertension; pulmonary mass; pulmonary venous hypertension; reservoir
central venous catheter; respiratory distress; reticular interstitial pattern; reticulonodular interstitial
pattern; rib fracture; right sided aortic arch; round atelectasis; sclerotic bone lesion; scoliosis;
segmental atelectasis; single chamber device; soft tissue mass; sternoclavicular junction hypertrophy;
sternotomy; subacromial space narrowing; subcutaneous emphysema; suboptimal study; superior mediastinal
enlargement; supra aortic elongation; surgery; surgery breast; surgery heart; surgery humeral; surgery lung;
surgery neck; suture material; thoracic cage deformation; total atelectasis; tracheal shift; tracheostomy
tube; tuberculosis; tuberculosis sequelae; vascular hilar enlargement; vascular redistribution;
ventriculoperitoneal drain tube; vertebral anterior compression; vertebral compression; vertebral
degenerative changes; vertebral fracture; volume loss
"""
NORMAL: Final = "normal"
UNCHANGED: Final = "unchanged"
EXCLUDE: Final = "exclude"
STATEMENTS: Final = (NORMAL, UNCHANGED, EXCLUDE)
"""Words of a list that are no finding."""
NO_FINDING: Final = "no_finding"
_BROADER: Final[Mapping[str, tuple[str, ...]]] = {
    "hydropneumothorax": ("pneumothorax", "pleural effusion"),
    "loculated pleural effusion": ("pleural effusion",),
    "loculated fissural effusion": ("pleural effusion",),
    "laminar atelectasis": ("atelectasis",),
    "lobar atelectasis": ("atelectasis",),
    "segmental atelectasis": ("atelectasis",),
    "total atelectasis": ("atelectasis",),
    "round atelectasis": ("atelectasis",),
    "atelectasis basal": ("atelectasis",),
    "atypical pneumonia": ("pneumonia",),
    "viral pneumonia": ("pneumonia",),
    "rib fracture": ("fracture",),
    "clavicle fracture": ("fracture",),
    "humeral fracture": ("fracture",),
    "vertebral fracture": ("fracture",),
    "callus rib fracture": ("fracture",),
    "multiple nodules": ("nodule",),
    "pulmonary mass": ("mass",),
    "mediastinal mass": ("mass",),
    "pleural mass": ("mass",),
    "calcified pleural thickening": ("pleural thickening",),
    "apical pleural thickening": ("pleural thickening",),
}
"""A finding that is one of a broader kind; the lists name the narrow one alone."""
_ALSO: Final = {"chest drain tube": "drain", "pulmonary edema": "edema"}
"""Findings with a second name, the one that other datasets have."""
_BROADENED: Final = (
    "films with a narrower finding alone (such as hydropneumothorax), given the broader one too"
)
_OPEN: Final = "films whose labels say 'unchanged', 'exclude' or nothing: what they do not name is unknown"
_BOTH: Final = "films called both normal and something else, taken as not normal"


@cache
def name_of(word: str) -> str:
    """Return our name of a dataset's word: ``Chilaiditi sign`` is ``chilaiditi_sign``."""
    return re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_")


PADCHEST: Final = tuple(word.strip() for word in " ".join(_WORDS.split()).split(";"))
"""The 190 findings of PadChest in its own words; with the three statements and the empty word there are 194 labels."""


@cache
def names_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels that lists of these words can give: no finding, the words, their second names."""
    return (NO_FINDING, *(name_of(word) for word in words), *(_ALSO[word] for word in words if word in _ALSO))


@cache
def _none_of(words: tuple[str, ...]) -> dict[str, int]:
    return dict.fromkeys(names_of(words), 0)


def told_by(words: Iterable[str]) -> dict[str, str]:
    """Return our names with the dataset's words as a report writes them, capital first."""
    return {name_of(word): word[:1].upper() + word[1:] for word in words}


def labels_of(
    listed: Collection[str], known: tuple[str, ...], film: str, problems: Problems
) -> dict[str, int]:
    """Return a film's labels.

    Args:
        listed: the words of its list, stripped; none of them empty.
        known: every word that a list of the dataset may have, without the statements.
        film: its name, for the problems.
        problems: gains what was assumed.
    """
    named = {word for word in listed if word not in STATEMENTS}
    broader = {other for word in named for other in _BROADER.get(word, ())} - named
    if broader:
        problems.add(_BROADENED, film)
    open_ended = not listed or UNCHANGED in listed or EXCLUDE in listed
    if open_ended:
        problems.add(_OPEN, film)
    if named and NORMAL in listed:
        problems.add(_BOTH, film)
    present = named | broader
    labels = {} if open_ended else _none_of(known).copy()
    labels |= {name_of(word): 1 for word in present}
    labels |= {_ALSO[word]: 1 for word in present if word in _ALSO}
    if named or not open_ended:
        labels[NO_FINDING] = int(not named and NORMAL in listed)
    return labels


def report_of(listed: Iterable[str]) -> str:
    """Return a list's report: its findings in the dataset's words, ``No findings``, or "" where it says neither."""
    words = list(listed)
    named = [word for word in words if word not in STATEMENTS]
    if named:
        return " ".join(f"{word[:1].upper()}{word[1:]}." for word in dict.fromkeys(named))
    return NO_FINDINGS if NORMAL in words else ""
