"""Findings are remembered by all that decides them, and by nothing else."""

from fake_models import PLAIN, Fake, crash, probe, spot

from radbench.models.preflight import ProbePlan, cached_preflight, preflight, time_per_image
from radbench.models.preflight.behaviour import spoken


def files(cache):
    return sorted(cache.rglob("*.json"))


def test_what_is_known_needs_neither_model_nor_images(tmp_path):
    fake = Fake(spot)
    first = cached_preflight(fake, ProbePlan("a" * 64, probe), tmp_path)
    fake.rule = crash
    assert (
        cached_preflight(fake, ProbePlan("a" * 64, crash), tmp_path)
        == first
        == preflight(Fake(spot), probe())
    )
    assert len(files(tmp_path)) == 1


def test_again_asks_again_and_remembers(tmp_path):
    fake = Fake(spot)
    cached_preflight(fake, probe(), tmp_path)
    fake.rule = lambda rows: 0 * spot(rows)
    found = cached_preflight(fake, probe(), tmp_path, again=True)
    assert any(finding.level == "failure" for finding in found)
    assert cached_preflight(fake, probe(), tmp_path) == found


def test_another_contract_threshold_device_or_probe_is_another_question(tmp_path):
    cached_preflight(Fake(spot), probe(), tmp_path)
    cached_preflight(Fake(spot, input=PLAIN.model_copy(update={"resize": "pad"})), probe(), tmp_path)
    cached_preflight(Fake(spot, operating_point=0.4), probe(), tmp_path)
    cached_preflight(Fake(spot), probe(seed=1), tmp_path)
    cached_preflight(Fake(spot), probe(), tmp_path, device="cuda")
    assert len(files(tmp_path)) == 5
    cached_preflight(Fake(spot, title="Another title", intended_use="another"), probe(), tmp_path)
    assert len(files(tmp_path)) == 5


def test_a_model_that_could_not_be_loaded_is_tried_again(tmp_path):
    broken = Fake(crash)
    assert cached_preflight(broken, probe(), tmp_path)[0].level == "failure"
    assert not files(tmp_path)


def test_a_damaged_file_is_made_again(tmp_path):
    first = cached_preflight(Fake(spot), probe(), tmp_path)
    files(tmp_path)[0].write_text('{"entries": {"findings": [{"check": 1}]}}')
    assert cached_preflight(Fake(spot), probe(), tmp_path) == first


def test_a_probes_digest_is_that_of_all_it_holds():
    one = probe()
    assert one.digest == probe().digest
    others = [probe(seed=1), probe(truth="none"), probe(truth="masks"), probe(count=46)]
    assert len({one.digest, *(other.digest for other in others)}) == 5
    changed = probe()
    changed.images[3][0, 0] ^= 1
    assert changed.digest != one.digest


def test_the_time_is_told_in_coarse_words():
    assert [spoken(seconds) for seconds in (0.0001, 0.005, 0.05, 0.5, 5, 50)] == [
        "under 2 ms an image",
        "under 10 ms an image",
        "under 0.1 s an image",
        "under 1 s an image",
        "under 10 s an image",
        "over 10 s an image",
    ]
    assert time_per_image(Fake(spot), probe()).level == "note"
