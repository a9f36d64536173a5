import numpy as np
from PIL import Image

from radbench.data.folder import open_folder_cohort
from radbench.harness.films import FilmNotes, film_notes
from radbench.phantom.cohort import build_cohort


def _cohort(folder):
    """Four films of the test split: one of a single grey, one of 12 bits; one film of the training split is a twin."""
    rng = np.random.default_rng(5)
    films = [rng.integers(0, 256, (40, 48), dtype=np.uint8) for _ in range(4)]
    films[1][:] = 77
    lines = ["study_id,patient_id,image,split"]
    for number, film in enumerate(films):
        Image.fromarray(film).save(folder / f"{number}.png")
        lines.append(f"s{number},p{number},{number}.png,test")
    Image.fromarray(rng.integers(0, 4096, (40, 48), dtype=np.uint16)).save(folder / "3.png")
    Image.fromarray(films[0]).save(folder / "twin.png")
    lines.append("t0,p9,twin.png,train")
    (folder / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return open_folder_cohort(folder, image_size=32, split="test")


def test_what_was_done_and_what_is_odd_is_said_once_and_remembered(tmp_path, monkeypatch):
    (tmp_path / "films").mkdir()
    notes = film_notes(_cohort(tmp_path / "films"), tmp_path / "cache")
    assert any("1 of 4" in words and "12" in words for words in notes.done)
    assert sum("Study s1" in words and "constant" in words for words in notes.warnings) == 1
    assert (
        "The same pixels are in two splits: study s0 here and study t0 (patient p9) in 'train'."
        in notes.warnings
    )
    monkeypatch.setattr(
        "radbench.harness.films._survey", lambda cohort: (_ for _ in ()).throw(AssertionError)
    )
    again = film_notes(
        open_folder_cohort(tmp_path / "films", image_size=32, split="test"), tmp_path / "cache"
    )
    assert (list(again.done), list(again.warnings)) == (list(notes.done), list(notes.warnings))


def test_drawn_films_have_no_notes(tmp_path):
    assert film_notes(build_cohort("phantom/manifestation", size=2), tmp_path) == FilmNotes()
