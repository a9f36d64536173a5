import pytest

from radbench.data.sources.bimcv_views import position_in, view_in, view_of_name, words_of

# What the consoles wrote, as DeGrave et al. list it, with the view that they gave it (AP SUPINE is AP here).
SPELLINGS = {
    "AP": [
        "TORAX AP", "PORTATIL", "AP HORIZONTAL", "TORAX SUPINE AP", "DIRECTO AP", "PECHO AP", "TORAX AP DIRECTO",
        "TÓRAX AP H", "TÒRAX AP", "TORAX PORTATIL", "DEC. SUPINO AP", "SUPINE AP", "RX TORAX CON PORTATIL",
        "RX TORAX CON PORTATIL PED", "SUP.AP PORTABLE", "TORAX CAMILLA", "TORAX SEDE AP", "TORAX SUPINO AP",
        "W033 TÓRAX AP", "PORTÁTIL AP", "AP", "TORAX  AP", "TÓRAX AP PORTATIL", "AP DIRECTO", "PEDIÁTRICO AP",
        "T035 TÓRAX AP", "TORAX AP PARED", "TORAX PEDIATRICO AP", "ERECT AP", "SEDESTACION AP", "AP VERTICAL",
        "TÓRAX AP", "SIMPLE AP", "TORAX NINOS DIRECTO AP",
    ],
    "PA": [
        "TÓRAX PA H", "BUCKY PA", "TORAX PA", "TORAX ERECT PA", "DIRECTO PA", "TORAX BIPE PA", "TORAX-ABD PA", "PA",
        "ERECT PA", "W033 TÓRAX PA *", "TÓRAX PA", "T035 TÓRAX PA", "W033 TÓRAX PA", "TORAX  PA",
        "TORAX PEDIATRICO PA", "RX TORAX  PA PED", "TORAX.PEDI PA",
    ],
    "lateral": [
        "W034 TÓRAX LAT.", "LATERAL IZQ.", "T034 TÓRAX LAT", "W034 TÓRAX LAT. *", "TÓRAX LAT", "ERECT LAT",
        "TORAX LAT", "LATERAL", "BUCKY LAT", "TORAX ERECT LAT", "LATERAL DER.", "TORAX LAT PARED", "LAT",
    ],
    "unknown": [
        "CHEST", "TÓRAX", "RX TORAX  PA Y LAT", "RX TORAX, PA O AP", "TORAX FRENTE Y PERFIL", "PA HORIZONTAL", "",
    ],
    "other": ["ESCAPULA Y", "ABDOMEN", "LUMBAR-SPINE", "PARRILLA COSTAL AP"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("view", "text"), [(view, text) for view, texts in SPELLINGS.items() for text in texts]
)
def test_every_spelling_that_is_known_has_its_view(view, text):
    assert view_in(text) == view and view_in(text.lower()) == view


def test_a_description_that_was_decoded_wrongly_is_mended():
    assert words_of("TÃ²RAX AP") == {"TORAX", "AP"} and view_in("TÃ²RAX AP") == "AP"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("TÓRAX AP H", "supine"), ("TORAX SUPINO AP", "supine"), ("SUP.AP PORTABLE", "supine"),
        ("TORAX SEDE AP", "sitting"), ("TORAX BIPE PA", "erect"), ("TÓRAX PA H", None), ("TORAX AP", None),
    ],
)  # fmt: skip
def test_a_position_is_told_where_a_description_names_one(text, position):
    assert position_in(text) == position


def test_a_name_is_believed_for_lateral_films_and_other_parts_alone():
    assert view_of_name("sub-S03045_ses-E06910_acq-2_run-1_bp-chest_vp-ll_dx.png") == "lateral"
    assert view_of_name("sub-S03054_ses-E06492_run-1_bp-chest_vp-lateral_cr.png") == "lateral"
    assert view_of_name("sub-S03078_ses-E06668_acq-2_run-1_bp-chest_vp-pa_dx.png") == "unknown"
    assert view_of_name("sub-S1_ses-E1_run-1_bp-abdomen_vp-ap_dx.png") == "other"
