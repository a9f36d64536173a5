"""The report in a real browser without a network: nothing asked for, all drawn, by keyboard, and on paper."""

import base64
import re
from dataclasses import replace

import browser
import evidence
import numpy as np
import pytest
import synthetic

from radbench.report import write_outputs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def report(make_shown, tmp_path_factory):
    return make_shown(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def make_shown(result, gallery):
    heat = np.linspace(0, 1, 128 * 128, dtype=np.float32).reshape(128, 128)
    items = [replace(item, saliency={result.models[0].name: heat}) for item in gallery]

    def make(out):
        made = evidence.with_evidence(synthetic.with_controls(result))
        return write_outputs(made, items, out, synthetic.rejected_items(gallery))

    return make


@pytest.fixture(scope="module")
def tab(report):
    with browser.Browser() as found:
        found.open(report)
        found.resize(1280)
        yield found


def seen(tab, selector):
    """Whether the first element that matches is visible."""
    return tab.evaluate(f"getComputedStyle(document.querySelector('{selector}')).visibility") == "visible"


def test_nothing_is_asked_for_and_nothing_is_wrong(tab):
    requests = [event["request"]["url"] for event in tab.of("Network.requestWillBeSent")]
    assert any(url.startswith("file:") for url in requests)
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert sum(url.startswith("file:") for url in requests) == 1
    assert tab.of("Runtime.exceptionThrown") == []
    assert tab.of("Runtime.consoleAPICalled") == []
    assert [entry["entry"]["text"] for entry in tab.of("Log.entryAdded")] == []


def test_every_image_is_drawn(tab):
    sizes = tab.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => [i.naturalWidth, i.width])))"
    )
    assert len(sizes) > 15
    assert all(natural >= 112 and width > 50 for natural, width in sizes)


def test_nothing_is_wider_than_the_page(tab):
    for width in (390, 1280):
        tab.resize(width)
        assert tab.evaluate("document.documentElement.scrollWidth") == width


def test_the_flicker_works_by_keyboard_and_stops(tab):
    tab.evaluate("document.querySelector('#view-1-both').focus()")
    both = tab.evaluate("document.querySelector('.panel-original').getBoundingClientRect().x")
    beside = tab.evaluate("document.querySelector('.panel-edited').getBoundingClientRect().x")
    assert beside > both
    assert seen(tab, ".panel-original") and seen(tab, ".panel-edited")
    tab.press("ArrowRight", 39)
    assert tab.evaluate("document.activeElement.id") == "view-1-first"
    assert seen(tab, ".panel-original") and not seen(tab, ".panel-edited")
    tab.press("ArrowRight", 39)
    assert not seen(tab, ".panel-original") and seen(tab, ".panel-edited")
    tab.press("ArrowRight", 39)
    names = "document.getAnimations().map(a => a.animationName)"
    assert tab.evaluate(names) == ["flicker"]
    states = set()
    for moment in (100, 1000):
        tab.evaluate(f"document.getAnimations().forEach(a => {{ a.pause(); a.currentTime = {moment}; }})")
        states.add(seen(tab, ".panel-edited"))
    assert states == {True, False}
    assert tab.evaluate("document.querySelector('.panel-edited').getBoundingClientRect().x") == pytest.approx(
        both
    )
    assert (
        tab.evaluate("document.getAnimations()[0].effect.getTiming().duration") >= 1000
    )  # under two a second
    tab.press("ArrowLeft", 37)
    assert tab.evaluate(names) == []


def test_who_wants_no_motion_gets_none(tab):
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    tab.evaluate("document.querySelector('#view-1-flicker').checked = true")
    tab.call("Emulation.setEmulatedMedia", features=features)
    try:
        assert tab.evaluate("document.getAnimations().length") == 0
        display = "getComputedStyle(document.querySelector('#view-1-flicker')).display"
        assert tab.evaluate(display) == "none"
    finally:
        tab.call("Emulation.setEmulatedMedia", features=[])
        tab.evaluate("document.querySelector('#view-1-both').checked = true")


CONTRAST = """
(() => {
  const parse = colour => {
    const v = colour.match(/[\\d.]+/g).map(Number);
    return v.length > 3 && v[3] === 0 ? null : v.slice(0, 3);
  };
  const light = v => {
    const s = v.map(x => x / 255).map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * s[0] + 0.7152 * s[1] + 0.0722 * s[2];
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const v = parse(getComputedStyle(e).backgroundColor);
      if (v) return v;
    }
    return [255, 255, 255];
  };
  let worst = [21, ''];
  for (const e of document.querySelectorAll('main *')) {
    if (e.closest('svg') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.className + ': ' + e.textContent.slice(0, 40)];
  }
  return worst;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(tab, scheme):
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 27)"}[scheme]
    ratio, where = tab.evaluate(CONTRAST)
    assert ratio >= 4.5, where
    tab.call("Emulation.setEmulatedMedia", features=[])


def test_the_first_sheet_stands_by_itself_and_is_signed(tab, report):
    signature = "getComputedStyle(document.querySelector('.signature')).display"
    assert tab.evaluate(signature) == "none"
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.resize(710)  # pixels between the margins of A4
    try:
        assert tab.evaluate(signature) == "block"
        order = ["#verdict", ".first-cases", "#summary", ".signature", ".cards"]
        tops = [
            tab.evaluate(f"document.querySelector('{one}').getBoundingClientRect().top + scrollY")
            for one in order
        ]
        assert tops == sorted(tops)
        end = tab.evaluate("document.querySelector('.signature').getBoundingClientRect().bottom + scrollY")
        assert end < 1010
        rule = "getComputedStyle(document.querySelector('.signature')).breakAfter"
        assert tab.evaluate(rule) == "page"
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
        tab.resize(1280)


def test_it_prints(tab):
    data = base64.b64decode(tab.call("Page.printToPDF", printBackground=True)["data"])
    assert data.startswith(b"%PDF-")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 40
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert tab.evaluate("getComputedStyle(document.querySelector('.compare input')).display") == "none"
        assert seen(tab, ".panel-original") and seen(tab, ".panel-edited")
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
