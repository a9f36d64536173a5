import pytest

from radbench.data.sources.padchest_findings import PADCHEST, labels_of, name_of, names_of, report_of
from radbench.data.sources.source import Problems


def labels(*words):
    problems = Problems()
    return labels_of(words, PADCHEST, "film", problems), problems


def test_every_word_has_a_name_of_its_own():
    assert len(PADCHEST) == len(set(PADCHEST)) == 190
    assert len(names_of(PADCHEST)) == len(set(names_of(PADCHEST))) == 193
    assert name_of("Chilaiditi sign") == "chilaiditi_sign" and name_of("COVID 19") == "covid_19"


def test_what_a_list_does_not_name_is_absent():
    found, problems = labels("pleural effusion", "chest drain tube")
    assert {name for name, value in found.items() if value} == {
        "pleural_effusion",
        "chest_drain_tube",
        "drain",
    }
    assert set(found) == set(names_of(PADCHEST)) and not problems.counts


def test_a_pseudonodule_is_no_nodule():
    found, _ = labels("pseudonodule")
    assert found["pseudonodule"] == 1 and found["nodule"] == 0


def test_a_hydropneumothorax_is_a_pneumothorax_and_that_is_said():
    found, problems = labels("hydropneumothorax", "chest drain tube")
    assert (
        found["pneumothorax"]
        == found["pleural_effusion"]
        == found["hydropneumothorax"]
        == found["drain"]
        == 1
    )
    assert list(problems.counts.values()) == [1]
    assert not labels("hydropneumothorax", "pneumothorax", "pleural effusion")[1].counts


@pytest.mark.parametrize("words", [("unchanged",), ("exclude",), ()])
def test_a_list_that_names_nothing_leaves_everything_unknown(words):
    found, problems = labels(*words)
    assert found == {} and list(problems.counts.values()) == [1] and report_of(words) == ""


def test_unchanged_leaves_the_rest_unknown():
    found, _ = labels("NSG tube", "unchanged")
    assert found == {"nsg_tube": 1, "no_finding": 0}


def test_normal_is_no_finding_unless_something_else_is_named():
    found, _ = labels("normal")
    assert found.pop("no_finding") == 1 and not any(found.values())
    found, problems = labels("normal", "scoliosis")
    assert (found["no_finding"], found["scoliosis"]) == (0, 1) and list(problems.counts.values()) == [1]


def test_reports_are_in_the_words_of_the_dataset():
    assert report_of(["chest drain tube", "NSG tube", "normal", "NSG tube"]) == "Chest drain tube. NSG tube."
    assert report_of(["normal"]) == "No findings"
