import pytest
import torch
from diffusers import UNet2DConditionModel

from radbench.diffusion.rows import NoisePredictor, Texts, lanes, rows_are_independent

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def embedded_like() -> UNet2DConditionModel:
    """A network of the embedded bundle's shape, with attention."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=32,
        in_channels=8,
        out_channels=8,
        block_out_channels=(48, 96, 160),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        cross_attention_dim=96,
        attention_head_dim=8,
        norm_num_groups=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )
    return unet.eval()


def rows_of(count: int, channels: int = 8, side: int = 32, width: int = 96):
    torch.manual_seed(1)
    times = [(37 * i) % 1000 for i in range(count)]
    return (
        torch.randn(count, channels, side, side),
        times,
        Texts(torch.randn(3, 16, width), [i % 3 for i in range(count)]),
    )


def test_rows_of_the_embedded_shape_are_independent(embedded_like):
    with lanes(CPU) as running:
        assert rows_are_independent(NoisePredictor(embedded_like, running), *rows_of(3))


def test_any_batch_size_order_and_worker_count_gives_the_same_bits(embedded_like):
    latents, times, texts = rows_of(7)
    found = []
    for workers in (1, 2, 3):
        with lanes(CPU, workers) as running:
            found.append(NoisePredictor(embedded_like, running)(latents, times, texts))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    order = [4, 0, 6, 2]
    with lanes(CPU, 1) as running:
        some = NoisePredictor(embedded_like, running)(
            latents[order],
            [times[i] for i in order],
            Texts(texts.embeddings, [texts.index[i] for i in order]),
        )
    assert torch.equal(some, found[0][order])


def test_torchs_thread_count_does_not_matter_and_is_restored(embedded_like):
    latents, times, texts = rows_of(2)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with lanes(CPU) as running:
                assert torch.get_num_threads() == 1
                found.append(NoisePredictor(embedded_like, running)(latents, times, texts))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_the_network_only_ever_sees_full_micro_batches(bundle):
    seen = []

    class Spy:
        dtype = torch.float32

        def __call__(self, latents, timesteps, **kwargs):
            seen.append((len(latents), len(timesteps), len(kwargs["encoder_hidden_states"])))
            return bundle.unet(latents, timesteps, **kwargs)

    with lanes(CPU, 1) as running:
        NoisePredictor(Spy(), running, rows=4)(*rows_of(9, 4, 8, 16))
    assert seen == [(4, 4, 4)] * 3


def test_the_result_is_the_networks_own(bundle):
    latents, times, texts = rows_of(5, 4, 8, 16)
    with lanes(CPU) as running:
        ours = NoisePredictor(bundle.unet, running)(latents, times, texts)
    with torch.no_grad():
        theirs = bundle.unet(latents, torch.tensor(times), texts.embeddings[list(texts.index)]).sample
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_half_precision_networks_give_float32_noise(parts):
    import copy

    unet = copy.deepcopy(parts["unet"]).to(torch.bfloat16)
    with lanes(CPU) as running:
        noise = NoisePredictor(unet, running)(*rows_of(2, 4, 8, 16))
    assert noise.dtype == torch.float32
    assert torch.isfinite(noise).all()
