"""A run learns, resumes to the bit, keeps its best epoch, and follows its schedule."""

import dataclasses

import numpy as np
import pytest
import safetensors.torch
import torch
from recipe_world import Films, kept, recipe, segmenter

from radbench.errors import UsageError
from radbench.reference.recipes import trainer
from radbench.reference.recipes.objective import refuse_one_class, youden_point
from radbench.reference.recipes.trainer import Job, factor, resolved_precision, train_run

CPU = torch.device("cpu")


def job(cache, spec=None, **changes):
    spec = spec or recipe(**changes)
    train = kept(spec, cache, Films(26, prefix="t"))
    val = kept(spec, cache, Films(16, seed=1, prefix="v"))
    return Job(spec, (train,), (val,), CPU)


def run(folder, work, number=0, **more):
    return train_run(
        work, number, weights=folder / "w.safetensors", checkpoint=folder / "c.safetensors", **more
    )


@pytest.mark.parametrize("spec", [recipe(), segmenter(classification_head={})], ids=["classifier", "both"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, spec):
    work = job(tmp_path / "cache", spec)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    whole = run(tmp_path / "whole", work)
    assert torch.equal(torch.rand(1), expected)

    def stop(done, total, loss):
        if done == 5:  # in the middle of the second epoch of three
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", work, progress=stop)
    assert (tmp_path / "parts" / "c.safetensors").is_file()
    assert not (tmp_path / "parts" / "w.safetensors").exists()
    torch.manual_seed(99)
    seen = []
    parts = run(tmp_path / "parts", work, progress=lambda done, total, loss: seen.append((done, total)))
    assert seen == [(done, 9) for done in range(4, 10)]
    assert parts == whole
    first, second = (tmp_path / name / "w.safetensors" for name in ("whole", "parts"))
    assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "parts" / "w.csv").read_text() == (tmp_path / "whole" / "w.csv").read_text()
    assert not (tmp_path / "parts" / "c.safetensors").exists()


def test_another_run_has_another_seed(tmp_path):
    work = job(tmp_path / "cache", epochs=1)
    first, second = (run(tmp_path / str(number), work, number) for number in (0, 1))
    assert (first.seed, second.seed) == (3, 4)
    assert first.start_sha256 != second.start_sha256
    assert first.weights_sha256 != second.weights_sha256


def test_it_learns_an_easy_difference(tmp_path):
    found = run(tmp_path, job(tmp_path / "cache", epochs=8, augment=[]))
    assert found.figures["auroc"] == 1.0
    assert found.history[-1]["loss"] < found.history[0]["loss"]
    assert 0 < found.youden < 1


def test_a_segmenter_with_a_head_learns_both(tmp_path):
    spec = segmenter(classification_head={}, epochs=12, augment=[], batch_size=4)
    found = run(tmp_path, job(tmp_path / "cache", spec))
    assert found.figures["dice"] > 0.8
    assert found.figures["auroc"] > 0.9


def test_the_best_epoch_is_kept_and_ties_go_to_the_smaller_loss(tmp_path, monkeypatch):
    told = iter([(0.7, 3.0), (0.9, 2.0), (0.9, 1.0), (0.8, 0.5), (0.9, 1.5)])
    states = []

    def scripted(network, batches, spec, device):
        found = real(network, batches, spec, device)
        value = next(told, None)
        if value is None:
            return found
        states.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return dataclasses.replace(found, figures={"auroc": value[0]}, loss=value[1])

    real = trainer.validate
    monkeypatch.setattr(trainer, "validate", scripted)
    found = run(tmp_path, job(tmp_path / "cache", epochs=5))
    assert found.best_epoch == 3
    weights = safetensors.torch.load_file(tmp_path / "w.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in states[2].items())


def test_patience_ends_a_run(tmp_path, monkeypatch):
    real = trainer.validate

    def flat(*given):
        return dataclasses.replace(real(*given), figures={"auroc": 0.5}, loss=1.0)

    monkeypatch.setattr(trainer, "validate", flat)
    found = run(tmp_path, job(tmp_path / "cache", epochs=9, patience=2))
    assert (found.epochs, found.best_epoch) == (3, 1)


def test_the_learning_rate_s_course():
    cosine = recipe(schedule="cosine", warmup=0.06)
    factors = [factor(cosine, step, 100) for step in range(100)]
    assert factors[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert factors[6] == 1.0
    assert factors[53] == pytest.approx(0.5, abs=1e-9)
    assert all(np.diff(factors[6:]) < 0)
    assert factors[-1] < 0.001
    constant = recipe(schedule="constant", warmup=0.0)
    assert {factor(constant, step, 100) for step in range(100)} == {1.0}
    assert factor(recipe(schedule="constant", warmup=0.1), 4, 100) == 0.5


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    def stop(done, total, loss):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, job(tmp_path / "cache"), progress=stop)
    with pytest.raises(UsageError, match="other settings or samples"):
        run(tmp_path, job(tmp_path / "cache", learning_rate=0.001))


def test_words_decide_no_weights(tmp_path):
    first, second = job(tmp_path), job(tmp_path, title="Another", runs=5, operating_point="youden")
    assert first.fingerprint(0) == second.fingerprint(0)
    assert first.fingerprint(0) != job(tmp_path, batch_size=4).fingerprint(0)
    assert first.fingerprint(0) != first.fingerprint(1)


def test_what_cannot_be_trained_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="expected a number: lower learning_rate"):
        run(tmp_path, job(tmp_path / "cache", learning_rate=1e30, augment=[]))
    with pytest.raises(UsageError, match="float16, which needs a GPU"):
        resolved_precision("float16", CPU)
    assert resolved_precision("auto", CPU) == "float32"
    one = kept(recipe(), tmp_path, Films(6, labels=(0,)))
    with pytest.raises(UsageError, match=r"All 6 validation films have target = 0.*--val-cohort"):
        refuse_one_class([one], recipe(), "validation")


def test_half_precision_trains_on_a_cpu_too(tmp_path):
    work = dataclasses.replace(job(tmp_path / "cache", epochs=1), precision="bfloat16")
    found = run(tmp_path, work)
    assert found.precision == "bfloat16"
    assert np.isfinite(found.history[0]["loss"])


def test_the_point_of_youden():
    scores = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8])
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    point = youden_point(scores, labels)
    assert point == 0.4
    gain = {p: (scores[labels == 1] >= p).mean() - (scores[labels == 0] >= p).mean() for p in scores}
    assert gain[point] == max(gain.values())
