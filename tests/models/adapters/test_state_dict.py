"""Weights out of checkpoints as trainers write them: found, told where they were, and nothing run."""

import os

import pytest
import torch
from torch import nn

from radbench.errors import UsageError
from radbench.models.adapters.state_dict import load_weights


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 1))


class Lightning(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.model = inner


def prefixed(prefix, seed=1):
    return {f"{prefix}{name}": value for name, value in network(seed).state_dict().items()}


WRITTEN = {
    "plain": (prefixed(""), []),
    "parallel": (prefixed("module."), ["'module.'"]),
    "compiled": (prefixed("module._orig_mod."), ["'module._orig_mod.'"]),
    "wrapped": (
        {"state_dict": prefixed("module."), "epoch": 3, "optimizer": {"lr": 0.1}},
        ["'state_dict'; it also holds 'epoch', 'optimizer'", "'module.'"],
    ),
    "model": ({"model": prefixed("")}, ["entry 'model'."]),
    "model_state_dict": ({"model_state_dict": prefixed("")}, ["'model_state_dict'"]),
    "net": ({"net": prefixed("net.")}, ["'net'", "'net.'"]),
    "nested": ({"model": {"state_dict": prefixed("")}}, ["'model.state_dict'"]),
    "lightning": (
        {"state_dict": prefixed("model.") | {"loss.weight": torch.ones(1)}, "epoch": 3},
        ["'state_dict'", "'model.'", "'loss.weight' belongs to no part of the network"],
    ),
}


@pytest.mark.parametrize("suffix", ["pth", "bin"])
@pytest.mark.parametrize("written", WRITTEN)
def test_weights_are_found_and_told_where(tmp_path, written, suffix):
    held, words = WRITTEN[written]
    torch.save(held, tmp_path / f"model.{suffix}")
    found = network()
    notes = load_weights(found, tmp_path / f"model.{suffix}")
    for name, value in network(1).state_dict().items():
        assert torch.equal(found.state_dict()[name], value)
    assert len(notes) == len(words)
    for note, word in zip(notes, words, strict=True):
        assert note.startswith(f"model.{suffix}: ") and word in note


def test_a_prefix_that_is_the_network_s_own_stays(tmp_path):
    torch.save(Lightning(network(1)).state_dict(), tmp_path / "model.pt")
    assert load_weights(Lightning(network()), tmp_path / "model.pt") == []


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (lambda place: {"state_dict": Bomb(place)}, "without running code"),
        (lambda _place: network(), "without running code"),
        (lambda _place: [torch.zeros(1)], "holds a list"),
        (lambda _place: {"weight": "none"}, "'weight' is no tensor"),
        (lambda _place: {"other.0.weight": torch.zeros(1)}, "lacks tensor"),
        (lambda _place: prefixed("model.") | {"model.more": torch.zeros(1)}, "unexpected tensor 'more'"),
    ],
)
def test_anything_else_is_refused_and_nothing_runs(tmp_path, held, words):
    torch.save(held(tmp_path / "crater"), tmp_path / "model.pt")
    with pytest.raises(UsageError, match=words):
        load_weights(network(), tmp_path / "model.pt")
    assert not (tmp_path / "crater").exists()
