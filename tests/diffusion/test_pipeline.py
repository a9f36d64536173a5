import numpy as np
import pytest
import torch
from PIL import Image

from radbench.diffusion.editors import EditRequest, EditSettings, get_editor
from radbench.diffusion.pipeline import RadEditPipeline, RadEditPipelineOutput
from radbench.errors import UsageError

STEPS = {"num_inference_steps": 4}


@pytest.fixture(scope="module")
def pipe(folder):
    pipeline = RadEditPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def call(pipe, image, *masks, **kwargs):
    defaults = {"generator": seeded(), "output_type": "pt", **STEPS}
    return pipe("left pneumothorax", image, *masks, **{**defaults, **kwargs}).images


def test_round_trip_through_a_folder(pipe, images, edit_mask, tmp_path):
    pipe.save_pretrained(tmp_path)
    assert not list(tmp_path.glob("**/*.bin"))
    again = RadEditPipeline.from_pretrained(tmp_path)
    again.set_progress_bar_config(disable=True)
    assert torch.equal(call(again, images[0], edit_mask), call(pipe, images[0], edit_mask))


def test_pipeline_and_editor_make_the_same_picture(pipe, bundle, images, edit_mask, keep_mask):
    seed = int(torch.randint(0, 2**63 - 1, (1,), generator=seeded()))
    request = EditRequest("k", images[0], edit_mask, keep_mask, "left pneumothorax", "", seed)
    settings = EditSettings(num_inference_steps=4)
    theirs = next(iter(get_editor("radedit").edit(bundle, [request], settings)))
    ours = pipe("left pneumothorax", images[0], edit_mask, keep_mask, generator=seeded(), **STEPS).images[0]
    assert ours.mode == "L"
    assert np.array_equal(np.asarray(ours), theirs.image)


def test_a_batch_of_other_forms_gives_the_same_picture(pipe, images, edit_mask, keep_mask):
    plain = call(pipe, images[0], edit_mask, keep_mask)
    assert plain.shape == (1, 1, 32, 32)
    keep = Image.fromarray(keep_mask * np.uint8(255))
    assert torch.equal(call(pipe, Image.fromarray(images[0]), edit_mask * 255.0, [keep]), plain)


def test_batches_prompts_and_generators(pipe, images, edit_mask):
    together = call(pipe, images[:3], edit_mask, generator=[seeded(i) for i in range(3)])
    for i in range(3):
        assert torch.equal(call(pipe, images[i], edit_mask, generator=seeded(i))[0], together[i])
    two = pipe(["drain", "lung"], images[0], edit_mask, output_type="np", generator=seeded(), **STEPS).images
    assert two.shape == (2, 32, 32, 1)
    with pytest.raises(UsageError, match="2 values for prompt; expected 1 or 3"):
        pipe(["drain", "lung"], images[:3], edit_mask, **STEPS)


def test_an_inversion_serves_several_edits(pipe, images, edit_mask, keep_mask):
    inversions = pipe.invert(images[0], generator=seeded(), **STEPS)
    direct = call(pipe, images[0], edit_mask, keep_mask)
    reused = call(pipe, images[0], edit_mask, keep_mask, inversion=inversions, generator=None)
    assert torch.equal(direct, reused)
    one = call(pipe, None, edit_mask, inversion=inversions[0], output_type="latent")
    assert one.shape == (1, 4, 8, 8)
    same = call(pipe, None, np.zeros((32, 32)), inversion=inversions, output_type="latent")
    assert float((same[0] - inversions[0].source).abs().max()) <= 1e-5
    with pytest.raises(UsageError, match="invert again"):
        call(pipe, None, edit_mask, inversion=inversions, num_inference_steps=5)


def test_outputs(pipe, images, edit_mask):
    out = pipe("drain", images[0], edit_mask, generator=seeded(), **STEPS)
    assert isinstance(out, RadEditPipelineOutput)
    assert out.images[0].size == (32, 32)
    assert len(out.inversions) == 1
    (plain,) = pipe("drain", images[0], edit_mask, generator=seeded(), return_dict=False, **STEPS)
    assert np.array_equal(np.asarray(plain[0]), np.asarray(out.images[0]))
    with pytest.raises(UsageError, match="output_type is 'jpeg'"):
        pipe("drain", images[0], edit_mask, output_type="jpeg")


def test_callback_sees_every_step_and_may_replace_the_latents(pipe, images, edit_mask):
    seen = []

    def callback(pipeline, step, timestep, tensors):
        assert pipeline is pipe
        seen.append((step, timestep))
        return {"latents": torch.zeros_like(tensors["latents"])}

    latents = call(
        pipe, images[0], edit_mask, callback_on_step_end=callback, output_type="latent", skip_ratio=0.0
    )
    assert seen == [(0, 750), (1, 500), (2, 250), (3, 0)]
    assert not latents.any()


def test_keep_region_pixels_are_the_source(pipe, images, edit_mask, keep_mask):
    pasted = call(pipe, images[0], edit_mask, keep_mask, output_type="pil")[0]
    assert np.array_equal(np.asarray(pasted)[keep_mask], images[0][keep_mask])
    plain = call(pipe, images[0], edit_mask, keep_mask, output_type="pil", paste_back=False)[0]
    assert not np.array_equal(np.asarray(plain)[keep_mask], images[0][keep_mask])


def test_the_autoencoder_never_runs_in_half(folder, images, edit_mask):
    pipe = RadEditPipeline.from_pretrained(folder).to(torch.bfloat16)
    pipe.set_progress_bar_config(disable=True)
    result = call(pipe, images[0], edit_mask)
    assert pipe.vae.dtype == torch.float32
    assert result.dtype == torch.float32
    assert torch.isfinite(result).all()


@pytest.mark.parametrize(
    ("image", "word"),
    [
        (np.zeros((30, 30)), "multiples of 4"),
        ([np.zeros((32, 32)), np.zeros((16, 16))], "one size"),
        (None, "Neither image nor inversion"),
    ],
)
def test_what_cannot_be_edited_is_one_sentence(pipe, image, word):
    with pytest.raises(UsageError, match=word):
        pipe("drain", image, **STEPS)


def test_a_mask_of_another_size_is_one_sentence(pipe, images):
    with pytest.raises(UsageError, match="keep_mask is"):
        call(pipe, images[0], None, np.zeros((16, 16)))


def test_generators_must_be_one_or_one_each(pipe, images, edit_mask):
    with pytest.raises(UsageError, match="2 generators for 1 images"):
        call(pipe, images[0], edit_mask, generator=[seeded(), seeded()])
