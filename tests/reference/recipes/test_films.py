"""Films are read once, through the model's own contract, and found again to the bit."""

import numpy as np
import pytest
from recipe_world import Films, kept, recipe, segmenter

from radbench.data.cohort import Study
from radbench.errors import UsageError
from radbench.models.preprocess import to_batch
from radbench.reference.recipes.disjoint import refuse_shared, repeated_films
from radbench.reference.recipes.films import Wanted, seen, seen_mask


def test_a_second_training_reads_no_film(tmp_path):
    cohort = Films()
    first = kept(recipe(), tmp_path, cohort)
    assert cohort.read == len(first) == 24
    again = kept(recipe(seed=9, learning_rate=0.1), tmp_path, cohort)
    assert cohort.read == 24
    assert again.sha256 == first.sha256
    np.testing.assert_array_equal(again.images, cohort.pixels)


def test_a_filling_that_was_stopped_goes_on(tmp_path):
    class Stopping(Films):
        left = 10

        def image(self, study):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().image(study)

    stopped, whole = Stopping(), Films()
    with pytest.raises(KeyboardInterrupt):
        kept(recipe(), tmp_path, stopped)
    found = kept(recipe(), tmp_path, whole)
    assert 14 <= whole.read < 24
    assert found.sha256 == kept(recipe(), tmp_path / "other", Films()).sha256


def test_a_damaged_file_is_named(tmp_path):
    films = kept(recipe(), tmp_path, Films())
    file = films.folder / "images.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(UsageError, match=r"not as they were written; remove the folder"):
        kept(recipe(), tmp_path, Films())


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("intensity", ["stored-range", "min-max"])
def test_the_training_sees_a_film_as_the_model_will(resize, intensity):
    spec = recipe(input={"spatial_shape": [48, 64], "resize": resize, "intensity": intensity, "channels": 3})
    film = np.random.default_rng(1).integers(300, 60000, (90, 70), dtype=np.uint16)
    model = to_batch([film], spec.input, 1)[0, 0]
    found = seen(film, Wanted.of(spec).geometry)
    assert np.abs(found / 255.0 - model).max() <= 0.5 / 255 + 1e-6
    mask = film > 30000
    assert seen_mask(mask, Wanted.of(spec).geometry).shape == (48, 64)


def test_a_mask_moves_with_its_film():
    film = np.zeros((100, 80), np.uint8)
    film[20:60, 10:50] = 255
    for resize in ("stretch", "pad", "crop"):
        geometry = Wanted.of(segmenter(input={"spatial_shape": [32, 32], "resize": resize})).geometry
        inside = seen(film, geometry) >= 128
        assert (seen_mask(film > 0, geometry) == inside).mean() > 0.99


def test_what_cannot_be_used_is_counted(tmp_path):
    cohort = Films(4)
    cohort.studies = (*cohort.studies[:3], Study("x", "px", {}))
    assert kept(recipe(), tmp_path, cohort).left_out == {"no label of target": 1}
    cohort.has_mask = lambda study, name: study.study_id.endswith("-1")
    cohort.studies = (*Films(4).studies[:2], Study("films-0-3", "px", {"target": 1}))
    found = kept(segmenter(), tmp_path, cohort)
    assert found.left_out == {"no mask target": 1}
    assert [bool(found.mask(index).any()) for index in range(2)] == [False, True]
    with pytest.raises(
        UsageError, match="No study of cohort 'films' can be trained on: 3 have no label of o"
    ):
        kept(recipe(target="other"), tmp_path, cohort)


def test_a_patient_in_both_is_refused(tmp_path):
    train = kept(recipe(), tmp_path, Films(prefix="p"))
    val = kept(recipe(), tmp_path, Films(seed=1, prefix="p"))
    with pytest.raises(UsageError, match=r"24 patients of 'films' are both .*\(p0, p1, p10, \.\.\.\)"):
        refuse_shared([train], [val])
    elsewhere = kept(recipe(), tmp_path, Films(seed=1, prefix="p"), dataset="another")
    refuse_shared([train], [elsewhere])


def test_a_film_in_both_is_refused_under_any_name(tmp_path):
    train = kept(recipe(), tmp_path, Films(prefix="p"))
    renamed = kept(recipe(), tmp_path, Films(prefix="q", name="renamed"), dataset="another")
    with pytest.raises(UsageError, match="24 films are, pixel by pixel, both"):
        refuse_shared([train], [renamed])
    assert repeated_films([train, renamed]) == 24
    assert repeated_films([train]) == 0
