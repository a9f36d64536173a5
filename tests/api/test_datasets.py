import pytest

from radbench.api.datasets import add_dataset, check_dataset, datasets, index_dataset
from radbench.api.listing import listed
from radbench.data.images import write_png
from radbench.errors import UsageError

UIDS = [f"1.2.{number}" for number in range(5)]


@pytest.fixture
def root(tmp_path, monkeypatch):
    import numpy as np

    monkeypatch.setenv("RADBENCH_CONFIG", str(tmp_path / "config"))
    root = tmp_path / "siim"
    (root / "train").mkdir(parents=True)
    rows = [f"{uid}, {'0 9' if number % 2 else '-1'}\n" for number, uid in enumerate(UIDS)]
    (root / "train-rle.csv").write_text("ImageId, EncodedPixels\n" + "".join(rows), encoding="utf-8")
    for number, uid in enumerate(UIDS[:-1]):
        rng = np.random.default_rng(number)
        write_png(root / "train" / f"{uid}.png", rng.integers(0, 255, (64, 64)).astype(np.uint8))
    return root


def test_a_dataset_that_was_added_is_known_and_indexed(root):
    assert next(one for one in datasets() if one.name == "siim-acr").root is None
    assert add_dataset("siim-acr", root).root == root
    assert any(one.name == "siim-acr" and str(root) in one.about for one in listed("datasets"))
    told = []
    facts = index_dataset("siim-acr", progress=lambda what, done, total: told.append((what, done, total)))
    assert (facts.films, facts.labels) == (4, {"pneumothorax": {"0": 2, "1": 2}})
    assert told[-1][:2] == ("Indexing", 4)


def test_a_check_reads_films_and_masks_and_says_what_is_wrong_with_them(root):
    (root / "train" / f"{UIDS[0]}.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = check_dataset("siim-acr", root, progress=False)
    assert found.sampled == 4 and found.sizes == {"64 x 64": 3}
    assert any("1 films that cannot be read: 1.2.0" in sentence for sentence in found.problems)
    assert any("3 masks of pneumothorax that cannot be read" in sentence for sentence in found.problems), (
        "1024 on 64"
    )
    assert found.facts.problems == {"films of the table without a file, left out": 1}


def test_what_is_no_download_is_refused_and_not_remembered(root, tmp_path):
    with pytest.raises(UsageError, match=r"siim-acr: .* has no train-rle.csv"):
        add_dataset("siim-acr", root / "train")
    with pytest.raises(UsageError, match=r"the folder .*none does not exist"):
        add_dataset("siim-acr", tmp_path / "none")
    assert next(one for one in datasets() if one.name == "siim-acr").root is None
    with pytest.raises(UsageError, match="has films of its own and no host"):
        index_dataset("siim-acr", root, host="padchest")


def test_a_run_makes_the_indexes_that_it_needs_once_and_says_so(root, tmp_path):
    from radbench.api.datasets import index_named
    from radbench.api.progress import Called
    from radbench.specs import load_shift

    file = tmp_path / "shift.yaml"
    file.write_text(
        f"""
name: own
title: Own
description: A dataset.
kind: manifestation
target: pneumothorax
source: {{cohort: siim-acr, root: {root}}}
scenarios:
  - name: remove
    prompt: No pneumothorax.
    edit_mask: {{source: pneumothorax}}
    labels_after: {{pneumothorax: 0}}
metrics: [accuracy]
""",
        encoding="utf-8",
    )
    told = []
    for _ in range(2):
        index_named(load_shift(file), Called(lambda what, done, total: told.append((what, done))))
    assert told == [("Indexing siim-acr", 4)]
