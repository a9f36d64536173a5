import pytest
import torch

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


def test_words_are_given_to_the_encoder_with_their_mask(bundle):
    tokens = bundle.tokenizer("left lung", padding="max_length", max_length=16, return_tensors="pt")
    with torch.no_grad():
        expected = bundle.text_encoder(tokens["input_ids"], tokens["attention_mask"]).last_hidden_state
    assert torch.equal(encode_prompts(bundle.tokenizer, bundle.text_encoder, ["left lung"], 16)[0], expected)


def test_a_prompt_is_never_cut(bundle):
    args = bundle.tokenizer, bundle.text_encoder
    assert longest_prompt(*args) == 16
    encode_prompts(*args, ["lung " * 14])
    with pytest.raises(UsageError, match=r"'lung lung.*has 17 tokens; this bundle reads at most 16"):
        encode_prompts(*args, ["lung " * 15])
