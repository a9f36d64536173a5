from datetime import date

from dataset_world import put_text

from radbench.data.sources.bimcv_labels import days_from, labels_by_session, positive_tests, resolved
from radbench.data.sources.source import Problems

HEADER = "\tPatientID\tReportID\tReport\tLabels\tLocalizations\n"


def read(path, *cells):
    rows = (f"{n}\tsub-S1\tses-E{n}\ttexto\t{cell}\t[]\n" for n, cell in enumerate(cells, start=1))
    problems = Problems()
    return labels_by_session(put_text(path / "labels.tsv", HEADER + "".join(rows)), problems), problems


def test_lists_with_tabs_inside_the_cell_and_with_commas_are_read(tmp_path):
    found, problems = read(
        tmp_path,
        "\"['pneumonia'\t'COVID 19']\"",
        "['COVID 19 uncertain', ' pleural effusion ']",
        "",
        "\"['normal']\"",
    )
    assert found == {
        "ses-E1": ("pneumonia", "COVID 19"),
        "ses-E2": ("COVID 19 uncertain", "pleural effusion"),
        "ses-E4": ("normal",),
    }
    assert not problems.counts


def test_a_list_cut_short_and_a_strange_word_are_counted(tmp_path):
    found, problems = read(tmp_path, "['pneumonia', 'COVID 19'", "['elephant', 'normal']")
    assert found == {"ses-E1": ("pneumonia", "COVID 19"), "ses-E2": ("normal",)}
    assert sorted(problems.examples.values()) == [["elephant (ses-E2)"], ["ses-E1"]]


def test_unchanged_is_what_the_session_before_says_step_by_step():
    days = {f"ses-E{n}": date(2020, 3, n) for n in range(1, 6)}
    labels = {
        "ses-E1": ("unchanged",),
        "ses-E2": ("pneumonia", "COVID 19"),
        "ses-E3": ("unchanged", "NSG tube"),
        "ses-E4": ("unchanged",),
    }
    assert resolved("ses-E4", labels, days) == ["NSG tube", "pneumonia", "COVID 19"]
    assert resolved("ses-E1", labels, days) == ["unchanged"], "there is none before it"
    assert resolved("ses-E5", labels, days) is None
    assert resolved("ses-E4", labels, {}) == ["unchanged"], "nobody knows which was before it"
    without = {name: words for name, words in labels.items() if name != "ses-E2"}
    assert resolved("ses-E3", without, days) == ["unchanged", "NSG tube"], "the one before has no labels"


def test_days_count_from_the_nearest_positive_test(tmp_path):
    text = (
        "participant\tdate\ttest\tresult\nsub-S1\t01.03.2020\tPCR\tPOSITIVO\n"
        "sub-S1\t20.03.2020\tPCR\tPOSITIVO\nsub-S1\t21.03.2020\tIGG\tNEGATIVO\nsub-S2\tgestern\tPCR\tPOSITIVO\n"
    )
    tests = positive_tests(put_text(tmp_path / "sil_reg_covid_posi.tsv", text), Problems())
    assert tests == {"sub-S1": [date(2020, 3, 1), date(2020, 3, 20)]}
    assert (
        days_from(tests["sub-S1"], date(2020, 3, 22)) == 2
        and days_from(tests["sub-S1"], date(2020, 2, 27)) == -3
    )
    assert days_from([], date(2020, 3, 1)) is None and days_from(tests["sub-S1"], None) is None


def test_a_table_of_tests_of_another_form_is_left_alone(tmp_path):
    problems = Problems()
    assert positive_tests(put_text(tmp_path / "sil_reg.tsv", "a\tb\n1\t2\n"), problems) == {}
    assert list(problems.examples.values()) == [["sil_reg.tsv"]]
