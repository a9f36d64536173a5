import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from radbench.diffusion.editors import EditRequest, EditSettings, algorithm_version, editor_names, get_editor
from radbench.errors import UsageError

SETTINGS = EditSettings(num_inference_steps=5, guidance_scale=5.0)


@pytest.fixture(scope="module")
def requests(images, edit_mask, keep_mask):
    prompts = ["left pneumothorax", "lung clear", "drain"]
    return [
        EditRequest(
            f"item {i}", image, edit_mask, keep_mask if i % 2 else None, prompts[i % 3], "", 2**62 + i
        )
        for i, image in enumerate(images)
    ]


def run(bundle, requests, batch_size=8, settings=SETTINGS):
    return list(get_editor("radedit").edit(bundle, requests, settings, batch_size=batch_size))


def same(first, second):
    return (
        first.key == second.key
        and np.array_equal(first.image, second.image)
        and np.array_equal(first.reconstruction, second.reconstruction)
        and first.measures == second.measures
    )


def test_same_bytes_for_any_batch_size_and_company(bundle, requests):
    whole = run(bundle, requests, 8)
    assert [result.key for result in whole] == [request.key for request in requests]
    for batch_size in (1, 3):
        assert all(same(*pair) for pair in zip(whole, run(bundle, requests, batch_size), strict=True))
    assert same(run(bundle, [requests[4], requests[1]])[1], whole[1])


def test_results_and_measures(bundle, requests, edit_mask, keep_mask):
    from radbench.diffusion.encoding import decode, encode, to_pixels, to_uint8

    seen = []
    results = list(get_editor("radedit").edit(bundle, requests[:2], SETTINGS, on_item=seen.append))
    assert seen == results
    free, kept = results
    assert set(free.measures) == {"change_edit", "change_outside", "reconstruction_error"}
    assert set(kept.measures) == {*free.measures, "change_keep", "change_keep_before_paste"}
    assert kept.measures["change_keep"] == 0 < kept.measures["change_keep_before_paste"]
    assert np.array_equal(kept.image[keep_mask], requests[1].image[keep_mask])
    difference = np.abs(requests[1].image.astype(float) - kept.image)[edit_mask & ~keep_mask].mean() / 255
    assert kept.measures["change_edit"] == pytest.approx(difference)
    assert all(0 <= value <= 1 for value in kept.measures.values())
    plain = to_uint8(decode(bundle.vae, encode(bundle.vae, to_pixels(requests[1].image))))
    assert np.abs(plain.astype(int) - kept.reconstruction).max() <= 1


def test_without_paste_back_the_keep_region_is_what_the_autoencoder_makes_of_it(bundle, requests):
    plain = run(bundle, [requests[1]], settings=dataclasses.replace(SETTINGS, paste_back=False))[0]
    pasted = run(bundle, [requests[1]])[0]
    assert plain.measures["change_keep"] == pasted.measures["change_keep_before_paste"]


def test_the_seed_decides(bundle, requests):
    other = dataclasses.replace(requests[0], seed=1)
    assert not np.array_equal(run(bundle, [requests[0]])[0].image, run(bundle, [other])[0].image)


def test_images_of_several_sizes(bundle, requests):
    small = EditRequest("small", np.zeros((16, 24), np.uint8), np.ones((16, 24), bool), None, "drain", "", 0)
    results = run(bundle, [requests[0], small, requests[1]])
    assert [result.image.shape for result in results] == [(32, 32), (16, 24), (32, 32)]
    assert same(results[2], run(bundle, [requests[1]])[0])


def test_results_come_as_batches_finish(bundle, requests):
    editing = get_editor("radedit").edit(bundle, requests, SETTINGS, batch_size=2)
    assert next(editing).key == "item 0"
    editing.close()


def test_a_mask_of_another_size_is_one_sentence(bundle, requests):
    bad = dataclasses.replace(requests[0], keep_mask=np.zeros((16, 16), bool))
    with pytest.raises(UsageError, match="keep mask of 'item 0'"):
        run(bundle, [bad])


def test_no_batch_is_refused(bundle, requests):
    with pytest.raises(UsageError, match="batch_size is 0"):
        run(bundle, requests, 0)


def test_names():
    assert "radedit" in editor_names()
    assert get_editor("radedit").algorithm_version == algorithm_version("radedit")
    with pytest.raises(UsageError, match="Did you mean 'radedit'"):
        get_editor("rad-edit")


def test_planning_needs_no_torch(folder):
    code = (
        "import sys; from radbench.diffusion.editors import algorithm_version, EditRequest;"
        "from radbench.diffusion.assembly import bundle_digests;"
        f"algorithm_version('radedit'); print(sorted(bundle_digests({str(folder)!r})));"
        "print([m for m in ('torch', 'diffusers', 'transformers', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "['prompts', 'scheduler', 'text_encoder', 'tokenizer', 'unet', 'vae']",
        "[]",
    ]
