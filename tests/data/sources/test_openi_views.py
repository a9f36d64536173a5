from collections import Counter

import pytest
from dataset_world import put_text, real_table

from radbench.data.sources.openi_reports import film_key, reports_of
from radbench.data.sources.openi_views import Views, header_view, view_tables
from radbench.data.sources.source import Problems


def test_where_header_and_look_differ_the_look_counts(tmp_path):
    put_text(
        tmp_path / "nlmcxr_dicom_metadata.csv.gz",
        "imageid,View Position\nCXR1_IM-1-1,PA\nCXR1_IM-1-2,PA\nCXR1_IM-1-3,LL\nCXR1_IM-1-4,\nCXR1_IM-1-5,AP\n",
    )
    put_text(
        tmp_path / "indiana_projections.csv",
        "uid,filename,projection\n1,1_IM-1-1.dcm.png,Frontal\n1,1_IM-1-2.dcm.png,Lateral\n"
        "1,1_IM-1-3.dcm.png,Frontal\n1,1_IM-1-4.dcm.png,Frontal\n",
    )
    views, problems = Views.read(view_tables(tmp_path)), Problems()
    found = [views.of(f"1_IM-1-{number}", problems) for number in range(1, 7)]
    assert found == ["PA", "lateral", "frontal", "frontal", "AP", "unknown"]
    assert list(problems.examples.values()) == [["1_IM-1-2"], ["1_IM-1-3"]]


@pytest.mark.parametrize(
    ("text", "view"), [("LARGE LATERAL", "lateral"), ("PA", "PA"), ("RL", "lateral"), ("", "unknown")]
)
def test_headers_name_views_in_several_ways(text, view):
    assert header_view(text) == view


def test_the_real_tables_give_every_film_a_view_that_has_one(tmp_path):
    real_table("nlmcxr_dicom_metadata.csv.gz")
    views, problems = Views.read(view_tables(tmp_path)), Problems()
    keys = [
        film_key(film) for report in reports_of(real_table("NLMCXR_reports.tgz")) for film in report.films
    ]
    assert Counter(views.of(key, problems) for key in keys) == {
        "PA": 3_412, "lateral": 1_322, "unknown": 1_204, "frontal": 1_127, "AP": 405,
    }  # fmt: skip
    assert list(problems.counts.values()) == [199]
