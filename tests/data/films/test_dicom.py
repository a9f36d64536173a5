"""DICOM films: one film written in many ways is one film; what is none is refused."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from radbench.data.films import film_shape, read_film
from radbench.errors import UsageError

CXR = os.environ.get("RADBENCH_TEST_CXR", "")
DX = "1.2.840.10008.5.1.4.1.1.1.1"
SCALE = 65535 / 4095


@pytest.fixture
def film():
    """12 bits, 40 x 52, from black to white."""
    values = np.random.default_rng(0).integers(0, 4096, (40, 52))
    values[0, 0], values[0, 1] = 4095, 0
    return values


def data_set(
    values, syntax=ExplicitVRLittleEndian, *, bits=16, allocated=16, photometric="MONOCHROME2", **more
):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = DX, "1.2.826.0.1.3680043.8.498.1"
    meta.TransferSyntaxUID = syntax
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.set_original_encoding(syntax.is_implicit_VR, syntax.is_little_endian, "utf-8")
    data.SOPClassUID, data.SOPInstanceUID = DX, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.Modality = "Doe^Jane", "id-4711", "DX"
    data.PhotometricInterpretation = photometric
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 1 if values.ndim == 2 else 3
    if values.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated, data.BitsStored, data.HighBit = allocated, bits, bits - 1
    data.PixelRepresentation = more.pop("PixelRepresentation", 0)
    for name, value in more.items():
        setattr(data, name, value)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    kind = "i" if data.PixelRepresentation else "u"
    data.PixelData = values.astype(f"{order}{kind}{allocated // 8}").tobytes()
    data["PixelData"].VR = "OB" if allocated == 8 else "OW"
    return data


def save(path, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(path, data, enforce_file_format=True)
    return path


def read(path, values, syntax=ExplicitVRLittleEndian, **more):
    found = read_film(save(path, data_set(values, syntax, **more)))
    assert film_shape(path) == found.pixels.shape
    return found


def same(found, expected):
    np.testing.assert_array_equal(found.pixels, np.rint(expected * SCALE).astype(np.uint16))


def lut(entries, first=0, bits=12):
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item["LUTDescriptor"].VR = "US"
    item.add_new("LUTData", "OW", np.asarray(entries, dtype="<u2").tobytes())
    return Sequence([item])


FORMS = {
    "declared": (lambda v: v, {"bits": 12}),
    "inferred": (lambda v: v, {}),
    "inverted": (lambda v: 4095 - v, {"photometric": "MONOCHROME1"}),
    "inverted, declared": (lambda v: 4095 - v, {"photometric": "MONOCHROME1", "bits": 12}),
    "inverse as the standard pairs it": (
        lambda v: 4095 - v,
        {"photometric": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ),
    "inverse alone": (lambda v: 4095 - v, {"PresentationLUTShape": "INVERSE"}),
    "signed": (lambda v: v - 1024, {"PixelRepresentation": 1, "RescaleIntercept": 1024, "RescaleSlope": 1}),
    "signed, declared": (lambda v: v - 2048, {"PixelRepresentation": 1, "bits": 12}),
    "signed, slope": (
        lambda v: v - 1024,
        {"PixelRepresentation": 1, "RescaleIntercept": 2048, "RescaleSlope": 2},
    ),
    "signed, unexplained": (lambda v: v - 2048, {"PixelRepresentation": 1}),
    "window": (lambda v: v, {"WindowCenter": 2048, "WindowWidth": 4096}),
    "first of two windows": (lambda v: v, {"WindowCenter": [2048, 9], "WindowWidth": [4096, 3]}),
    "exact window": (
        lambda v: v,
        {"WindowCenter": 2047.5, "WindowWidth": 4095, "VOILUTFunction": "LINEAR_EXACT"},
    ),
    "window of rescaled values": (
        lambda v: v,
        {"RescaleSlope": 0.5, "RescaleIntercept": -100, "WindowCenter": 924.0, "WindowWidth": 2048.5},
    ),
    "window, inverted": (
        lambda v: 4095 - v,
        {"photometric": "MONOCHROME1", "WindowCenter": 2048, "WindowWidth": 4096},
    ),
    "VOI LUT before window": (
        lambda v: v,
        {"VOILUTSequence": lut(np.arange(4096)), "WindowCenter": 5, "WindowWidth": 3},
    ),
    "VOI LUT that turns round": (lambda v: 4095 - v, {"VOILUTSequence": lut(np.arange(4096)[::-1])}),
    "VOI LUT of 16 bits that uses 12": (lambda v: v, {"VOILUTSequence": lut(np.arange(4096), bits=16)}),
    "modality LUT": (lambda v: v + 7, {"ModalityLUTSequence": lut(np.arange(4096), first=7)}),
    "negative slope": (lambda v: 4095 - v, {"RescaleSlope": -1, "RescaleIntercept": 4095, "bits": 12}),
    "upper bits": (lambda v: v << 4, {"bits": 12, "HighBit": 15}),
    "deeper than declared": (lambda v: v, {"bits": 10}),
    "big endian": (lambda v: v, {"syntax": ExplicitVRBigEndian}),
    "implicit": (lambda v: v, {"syntax": ImplicitVRLittleEndian}),
    "deflated": (lambda v: v, {"syntax": DeflatedExplicitVRLittleEndian}),
}


@pytest.mark.parametrize("form", FORMS)
def test_one_film_in_many_forms_is_one_film(form, film, tmp_path):
    change, more = FORMS[form]
    found = read(tmp_path / "x.dcm", change(film), **more)
    if "window" in form:
        assert (
            np.abs(found.pixels - film * SCALE).max() <= SCALE / 2 + 1e-6
            or form == "window of rescaled values"
        )
        assert np.abs(found.pixels - film * SCALE).max() <= SCALE
    else:
        same(found, film)
    warned = {
        "inverse alone": "bone is white",
        "signed, unexplained": "signed",
        "deeper than declared": "10 bits",
    }
    assert len(found.warnings) == (form in warned)
    if form in warned:
        assert warned[form] in found.warnings[0]


@pytest.mark.filterwarnings("ignore:overflow encountered in exp")
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@given(centre=st.integers(-500, 5000), width=st.integers(1, 6000), slope=st.sampled_from([1, 0.5, 3]))
@settings(max_examples=15, deadline=None)
def test_a_window_is_the_standards(function, centre, width, slope, tmp_path_factory):
    from pydicom.pixels.processing import apply_modality_lut, apply_windowing

    values = np.random.default_rng(5).integers(0, 4096, (24, 24))
    more = {"RescaleSlope": slope, "RescaleIntercept": -200, "VOILUTFunction": function}
    path = tmp_path_factory.mktemp("window") / "x.dcm"
    found = read(path, values, bits=12, WindowCenter=centre, WindowWidth=width, **more)
    header = dcmread(path)
    theirs = apply_windowing(apply_modality_lut(header.pixel_array, header), header)
    black, white = -200, slope * 4095 - 200
    expected = 65535 * np.clip((theirs - black) / (white - black), 0, 1)
    assert np.abs(found.pixels - expected).max() <= 0.51


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_takes_no_part_in_the_depth(photometric, film, tmp_path):
    values = film if photometric == "MONOCHROME2" else 4095 - film
    padded = values.copy()
    padded[:, :9], padded[:, 9:12] = 60000, 60010
    found = read(
        tmp_path / "x.dcm",
        padded,
        photometric=photometric,
        PixelPaddingValue=60000,
        PixelPaddingRangeLimit=60020,
    )
    assert not found.pixels[:, :12].any()
    np.testing.assert_array_equal(found.pixels[:, 12:], np.rint(film[:, 12:] * SCALE).astype(np.uint16))
    assert any("padding" in done for done in found.provenance)


def test_padding_of_signed_pixels(film, tmp_path):
    values = film - 1024
    values[:, :9] = -2000
    more = {"PixelRepresentation": 1, "RescaleIntercept": 1024, "RescaleSlope": 1}
    found = read(tmp_path / "x.dcm", values, PixelPaddingValue=-2000, **more)
    assert not found.pixels[:, :9].any()
    np.testing.assert_array_equal(found.pixels[:, 9:], np.rint(film[:, 9:] * SCALE).astype(np.uint16))


@pytest.mark.parametrize("allocated", [8, 16])
def test_a_depth_of_8_is_uint8_to_the_bit(allocated, film, tmp_path):
    for more in ({}, {"WindowCenter": 128, "WindowWidth": 256} if allocated == 8 else {}):
        found = read(tmp_path / "x.dcm", film >> 4, bits=8, allocated=allocated, **more)
        assert found.pixels.dtype == np.uint8
        np.testing.assert_array_equal(found.pixels, film >> 4)
    inverted = read(tmp_path / "y.dcm", film >> 4, bits=8, allocated=allocated, photometric="MONOCHROME1")
    np.testing.assert_array_equal(inverted.pixels, 255 - (film >> 4))


def test_colour_is_luminance(film, tmp_path):
    gray = (film >> 4).astype(np.uint8)
    found = read(tmp_path / "x.dcm", np.dstack([gray] * 3), bits=8, allocated=8, photometric="RGB")
    np.testing.assert_array_equal(found.pixels, gray)
    found = read(
        tmp_path / "y.dcm", np.dstack([gray, gray * 0, gray * 0]), bits=8, allocated=8, photometric="RGB"
    )
    assert np.abs(found.pixels - 0.299 * gray).max() <= 0.51
    assert any("BT.601" in done for done in found.provenance)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_compression_without_loss_changes_nothing(syntax, photometric, film, tmp_path):
    for name in ("pylibjpeg", "openjpeg", "jpeg_ls", "rle"):
        pytest.importorskip(name)
    data = data_set(film if photometric == "MONOCHROME2" else 4095 - film, bits=12, photometric=photometric)
    data.compress(syntax, generate_instance_uid=False)
    found = read_film(save(tmp_path / "x.dcm", data))
    same(found, film)
    assert any(syntax.name in done for done in found.provenance)


def encapsulated(data, stream, syntax):
    from pydicom.encaps import encapsulate

    data.PixelData = encapsulate([stream])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = syntax
    return data


def test_jpeg_lossless_baseline_and_extended(film, tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    pytest.importorskip("gdcm")
    stream = imagecodecs.ljpeg_encode(film.astype(np.uint16), bitspersample=12)
    data = encapsulated(data_set(film, bits=12), stream, JPEGLosslessSV1)
    same(read_film(save(tmp_path / "lossless.dcm", data)), film)
    smooth = np.add.outer(np.arange(40), np.arange(52)) * 45
    stream = imagecodecs.jpeg_encode(smooth.astype(np.uint16), bitspersample=12, level=100)
    data = encapsulated(data_set(smooth, bits=12), stream, JPEGExtended12Bit)
    assert np.abs(read_film(save(tmp_path / "extended.dcm", data)).pixels / SCALE - smooth).max() < 12
    gray = (smooth >> 4).astype(np.uint8)
    stream = imagecodecs.jpeg8_encode(gray, level=98)
    data = encapsulated(data_set(gray, bits=8, allocated=8), stream, JPEGBaseline8Bit)
    found = read_film(save(tmp_path / "baseline.dcm", data))
    assert found.pixels.dtype == np.uint8
    assert np.abs(found.pixels.astype(int) - gray).max() < 6


def test_a_missing_decoder_is_one_sentence(film, tmp_path, monkeypatch):
    from pydicom.pixels.decoders import JPEG2000LosslessDecoder

    pytest.importorskip("openjpeg")
    data = data_set(film, bits=12)
    data.compress(JPEG2000Lossless, generate_instance_uid=False)
    save(tmp_path / "x.dcm", data)
    monkeypatch.setattr(JPEG2000LosslessDecoder, "_available", {})
    with pytest.raises(UsageError, match=r"x\.dcm is stored as JPEG 2000.*radbench\[dicom\]"):
        read_film(tmp_path / "x.dcm")


def test_attributes_come_without_names(film, tmp_path):
    found = read(
        tmp_path / "x.dcm",
        film,
        ViewPosition="PA",
        PatientSex="F",
        PatientAge="045Y",
        PatientBirthDate="19700101",
    )
    assert dict(found.attributes) == {"view_position": "PA", "patient_sex": "F", "patient_age": 45}
    assert not any(word in repr(found) for word in ("Doe", "4711", "1970"))
    for text, years in {"006M": 0.5, "104W": 1.993, "xx": None}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read(tmp_path / "x.dcm", film, PatientAge=text)
        assert found.attributes.get("patient_age") == years


@pytest.mark.parametrize(
    ("header", "expected", "said"),
    [
        ({}, None, ""),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1), "not corrected for magnification"),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": 1.25},
            (0.16, 0.16),
            "over a magnification of 1.25",
        ),
        ({"ImagerPixelSpacing": [0.2, 0.2], "PixelSpacing": [0.15, 0.15]}, (0.15, 0.15), "from PixelSpacing"),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.2, 0.2]}, (0.2, 0.2), "from ImagerPixelSpacing"),
    ],
)
def test_millimetres(header, expected, said, film, tmp_path):
    found = read(tmp_path / "x.dcm", film, **header)
    assert found.spacing == (pytest.approx(expected) if expected else None)
    assert said in " ".join(found.provenance)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"BurnedInAnnotation": "YES"}, "burnt into"),
        ({"Modality": "CT"}, "modality is CT"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "raw detector data"),
        ({"PatientOrientation": ["F", "L"]}, "not upright"),
        ({"PatientOrientation": ["R", "F"]}, "mirrored"),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, "not square"),
        ({"WindowCenter": 9000, "WindowWidth": 100}, "wholly black or white"),
        ({"WindowCenter": 30000, "WindowWidth": 60000}, "less than an eighth"),
        ({"WindowCenter": 100, "WindowWidth": 0}, "window is left out"),
    ],
)
def test_what_a_person_should_look_at(header, said, film, tmp_path):
    assert said in " ".join(read(tmp_path / "x.dcm", film, **header).warnings)


def test_content_decides_without_preamble_meta_and_name(film, tmp_path):
    data = data_set(film)
    del data.file_meta
    data.preamble = None
    for implicit in (True, False):
        data.save_as(tmp_path / "IM0001", implicit_vr=implicit, little_endian=True)
        same(read_film(tmp_path / "IM0001"), film)


def test_a_preamble_may_look_like_a_tiff(film, tmp_path):
    data = data_set(film)
    data.preamble = b"II*\0" + bytes(124)
    same(read_film(save(tmp_path / "x.dcm", data)), film)


def test_a_palette_of_grays(film, tmp_path):
    index = (film >> 4).astype(np.uint8)
    tables = {}
    for colour in ("Red", "Green", "Blue"):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"{colour}PaletteColorLookupTableData"] = (np.arange(256, dtype="<u2")[::-1] * 257).tobytes()
    found = read(tmp_path / "x.dcm", index, bits=8, allocated=8, photometric="PALETTE COLOR", **tables)
    np.testing.assert_array_equal(found.pixels, 255 - index)


def without(name):
    def change(data):
        delattr(data, name)

    return change


def directory(data):
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"


def segmentation(data):
    data.SOPClassUID, data.Modality = "1.2.840.10008.5.1.4.1.1.66.4", "SEG"


def frames(data):
    data.NumberOfFrames, data.PixelData = 2, data.PixelData * 2


def thin(data):
    data.Rows = 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("PixelData"), "holds no pixel data"),
        (without("Rows"), "no rows and columns"),
        (without("BitsAllocated"), "corrupt"),
        (directory, "DICOMDIR"),
        (segmentation, "a segmentation"),
        (frames, "has 2 frames"),
        (thin, "2 x 52 pixels"),
    ],
)
def test_what_is_no_film_is_refused(change, said, film, tmp_path):
    data = data_set(film)
    change(data)
    with pytest.raises(UsageError, match=rf"(?s){said}") as refused:
        read_film(save(tmp_path / "x.dcm", data))
    assert "x.dcm" in str(refused.value)
    assert "Doe" not in str(refused.value)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_spoilt_file_is_a_film_or_one_sentence(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("spoilt") / "x.dcm"
    values = np.random.default_rng(3).integers(0, 4096, (24, 24))
    save(
        path,
        data_set(values, WindowCenter=2048, WindowWidth=4096, ViewPosition="PA", ImagerPixelSpacing=[1, 1]),
    )
    spoilt = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(128, 900), max_size=4)):
        spoilt[place] = data.draw(st.integers(0, 255))
    path.write_bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])
    for call in (read_film, film_shape):
        try:
            call(path)
        except UsageError as error:
            assert str(path) in str(error)


@pytest.mark.skipif(not CXR, reason="RADBENCH_TEST_CXR names no folder of X-rays")
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_real_films_are_the_same_as_dicom(photometric, tmp_path):
    films = sorted(path for path in Path(CXR).rglob("*.png") if "mask" not in str(path))[::18][:20]
    assert films
    for path in films:
        pixels = read_film(path).pixels.astype(np.uint16) * 257
        stored = pixels if photometric == "MONOCHROME2" else 65535 - pixels
        found = read(tmp_path / "x.dcm", stored, photometric=photometric)
        np.testing.assert_array_equal(found.pixels, pixels)
        assert dcmread(tmp_path / "x.dcm").PatientID == "id-4711"
