import base64
import json

import numpy as np
import pytest

from radbench.data.films.dicom_values import number, text
from radbench.data.sources.bimcv_sidecar import dataset_of, description_of, read_sidecar, shown_by, text_of


def lut(descriptor=(4, 100, 10), **data):
    return {"vr": "SQ", "Value": [{"00283002": {"vr": "US", "Value": list(descriptor)}, "00283006": data}]}


def test_texts_numbers_and_windows_are_taken_over():
    header = {
        "00280004": {"vr": "CS", "Value": ["MONOCHROME1"]},
        "00280101": {"vr": "US", "Value": [12]},
        "00281050": {"vr": "DS", "Value": ["2047.5", 1000]},
        "00281051": {"vr": "DS", "Value": [4095]},
        "00181164": {"vr": "DS", "Value": [0.143, 0.143]},
    }
    found = dataset_of(header)
    assert text(found, "PhotometricInterpretation") == "MONOCHROME1" and found.BitsStored == 12
    assert (number(found, "WindowCenter"), number(found, "WindowWidth")) == (2047.5, 4095.0)
    assert list(found.ImagerPixelSpacing) == [0.143, 0.143] and shown_by(header) == "window"


@pytest.mark.parametrize(
    "data", [{"vr": "US", "Value": [0, 10, 20, 30]},
             {"vr": "OW", "InlineBinary": base64.b64encode(np.array([0, 10, 20, 30], "<u2").tobytes()).decode()}]
)  # fmt: skip
def test_a_lut_is_read_as_numbers_and_as_bytes(data):
    from radbench.data.films.film import Stored
    from radbench.data.films.gray import to_pixels

    header = {"00283010": lut(**data), "00280004": {"vr": "CS", "Value": ["MONOCHROME2"]}}
    from radbench.data.films.beside import apply_header

    values = (np.arange(95, 115) + np.zeros((20, 1))).astype(np.uint16)
    stored = Stored(values)
    apply_header(dataset_of(header), stored)
    pixels, bits = to_pixels(stored)
    assert shown_by(header) == "lut" and bits == 10
    assert pixels[0, :5].max() == 0 and (pixels[0, 9:] == round(30 * 65535 / 1023)).all()


@pytest.mark.parametrize(
    "broken", [lut(vr="US", Value=[]), lut((4, 100), vr="US", Value=[1, 2]), lut(vr="US", Value=["x"]),
               {"vr": "SQ"}, {"vr": "SQ", "Value": []}, [], lut(vr="OW", InlineBinary="%")]
)  # fmt: skip
def test_a_lut_that_is_not_whole_is_none(broken):
    header = {"00283010": broken, "00281050": {"Value": [1]}}
    assert shown_by(header) == "depth" and "VOILUTSequence" not in dataset_of(header)


def test_a_series_without_a_name_has_its_procedures():
    procedure = {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": ["Torax PA"]}}]}
    assert description_of({"00081032": procedure}) == "Torax PA"
    assert description_of({"00081032": procedure, "0008103E": {"Value": ["TORAX LAT"]}}) == "TORAX LAT"
    assert (
        description_of({"0008103E": {"vr": "LO"}}) == ""
        and text_of({"00080060": {"Value": [None]}}, "00080060") == ""
    )


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe{", None])
def test_a_file_that_is_no_header_is_none(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert read_sidecar(path) is None
    path.write_text(json.dumps({"00280004": {"Value": ["MONOCHROME2"]}}))
    assert read_sidecar(path) == {"00280004": {"Value": ["MONOCHROME2"]}}
