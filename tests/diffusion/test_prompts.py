import pytest
import torch

from radbench.diffusion.bundle import load_bundle
from radbench.diffusion.prompts import encode_prompts, longest_prompt
from radbench.errors import UsageError


def test_each_distinct_prompt_is_encoded_once_and_alone(bundle):
    args = bundle.tokenizer, bundle.text_encoder
    table, row = encode_prompts(*args, ["left lung", "", "left lung", "drain"], 16)
    assert table.shape == (3, 16, 16)
    assert row == {"left lung": 0, "": 1, "drain": 2}
    for prompt, place in row.items():
        assert torch.equal(encode_prompts(*args, [prompt], 16)[0][0], table[place])
    assert not torch.equal(table[0], table[1])


@pytest.mark.parametrize("padding", [True, False])
def test_words_attend_to_the_padding_as_asked(bundle, padding):
    tokens = bundle.tokenizer("left lung", padding="max_length", max_length=16, return_tensors="pt")
    mask = None if padding else tokens["attention_mask"]
    with torch.no_grad():
        expected = bundle.text_encoder(tokens["input_ids"], mask).last_hidden_state
    found = encode_prompts(bundle.tokenizer, bundle.text_encoder, ["left lung"], 16, padding)[0]
    assert torch.allclose(found, expected, atol=1e-6)


def test_by_default_diffusers_rule_decides(bundle, monkeypatch):
    args = bundle.tokenizer, bundle.text_encoder, ["left lung"], 16
    assert torch.equal(encode_prompts(*args)[0], encode_prompts(*args, True)[0])
    monkeypatch.setattr(bundle.text_encoder.config, "use_attention_mask", True, raising=False)
    assert torch.equal(encode_prompts(*args)[0], encode_prompts(*args, False)[0])


def test_the_embedded_encoder_was_trained_with_a_mask_and_says_so():
    assert load_bundle("phantom").attend_to_padding is False


def test_a_prompt_is_never_cut(bundle):
    args = bundle.tokenizer, bundle.text_encoder
    assert longest_prompt(*args) == 16
    encode_prompts(*args, ["lung " * 14])
    with pytest.raises(UsageError, match=r"'lung lung.*has 17 tokens; this bundle reads at most 16"):
        encode_prompts(*args, ["lung " * 15])
