from radbench.bench.index import make_dataset, measure_in_own_process


def test_an_index_of_made_up_films_is_made_and_opened():
    one = measure_in_own_process(300)
    assert one.films == 300
    assert min(one.made, one.opened, one.index_mb, one.peak_mib) > 0


def test_the_made_up_dataset_has_the_films_of_its_table(tmp_path):
    make_dataset(tmp_path, 30)
    assert len(list((tmp_path / "films").glob("*/*.png"))) == 30
    assert len((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()) == 31
