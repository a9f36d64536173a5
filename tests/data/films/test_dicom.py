import numpy as np
import pytest

from radbench.data.films import film_shape, read_film
from radbench.errors import UsageError

pydicom = pytest.importorskip("pydicom")

from pydicom.dataset import FileDataset, FileMetaDataset  # noqa: E402
from pydicom.uid import (  # noqa: E402
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

SHAPE = (48, 64)


@pytest.fixture
def stored():
    rows, columns = np.indices(SHAPE)
    plane = 0.5 + 0.4 * np.sin(rows / 9) * np.cos(columns / 11)
    return np.rint(plane * 4095).astype(np.int32)


def write(path, values, photometric="MONOCHROME2", bits=16, **more):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID = "Nobody^Known", "secret-17"
    data.Modality, data.PhotometricInterpretation = "DX", photometric
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 1
    data.BitsAllocated = 8 if bits <= 8 else 16
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    syntax = more.pop("syntax", None)
    for name, value in more.items():
        setattr(data, name, value)
    kind = "i" if data.PixelRepresentation else "u"
    data.PixelData = values.astype(f"<{kind}{data.BitsAllocated // 8}").tobytes()
    if syntax is not None:
        data.compress(syntax)
    data.save_as(path, enforce_file_format=True)
    return path


def full(values):
    return np.rint(values * (65535 / 4095)).astype(int)


def test_five_ways_of_storing_one_film_are_one_film(stored, tmp_path):
    forms = {
        "plain": (stored, {}),
        "inverted": (4095 - stored, {"photometric": "MONOCHROME1"}),
        "signed": (stored - 1024, {"RescaleIntercept": 1024, "RescaleSlope": 1, "PixelRepresentation": 1}),
        "windowed": (stored, {"WindowCenter": 2048, "WindowWidth": 4096}),
        "twelve": (stored, {"bits": 12}),
    }
    for name, (values, more) in forms.items():
        read = read_film(write(tmp_path / f"{name}.dcm", values, **more))
        assert read.pixels.dtype == np.uint16
        np.testing.assert_allclose(read.pixels.astype(int), full(stored), atol=1, err_msg=name)
        assert film_shape(tmp_path / f"{name}.dcm") == SHAPE


def test_padding_is_black_and_counts_for_no_depth(stored, tmp_path):
    padded = stored.copy()
    padded[:, :10] = 65535
    for photometric, values in (
        ("MONOCHROME2", padded),
        ("MONOCHROME1", np.where(padded > 4095, 65535, 4095 - padded)),
    ):
        read = read_film(write(tmp_path / "a.dcm", values, photometric, PixelPaddingValue=65535))
        assert not read.pixels[:, :10].any()
        np.testing.assert_allclose(read.pixels[:, 10:].astype(int), full(stored)[:, 10:], atol=1)
        assert any("padding" in clause for clause in read.provenance)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_pixels_are_the_same(syntax, stored, tmp_path):
    try:
        path = write(tmp_path / "a.dcm", stored, syntax=syntax)
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"no encoder: {error}")
    np.testing.assert_allclose(read_film(path).pixels.astype(int), full(stored), atol=1)


def test_a_window_cuts_what_lies_beyond(stored, tmp_path):
    read = read_film(write(tmp_path / "a.dcm", stored, WindowCenter=[2048, 1], WindowWidth=[1001, 2]))
    share = np.clip((stored - 2047.5) / 1000 + 0.5, 0, 1)
    np.testing.assert_allclose(read.pixels, np.rint(share * 65535), atol=1)
    assert any("window 2048 / 1001" in clause for clause in read.provenance)


def test_eight_bits_stay_eight(stored, tmp_path):
    eight = stored // 16
    read = read_film(write(tmp_path / "a.dcm", eight, bits=8))
    assert read.pixels.dtype == np.uint8
    np.testing.assert_array_equal(read.pixels, eight)


def test_the_header_gives_spacing_and_attributes_and_no_name(stored, tmp_path):
    path = write(
        tmp_path / "a.dcm",
        stored,
        PatientSex="F",
        PatientAge="045Y",
        ViewPosition="PA",
        ImagerPixelSpacing=[0.2, 0.3],
        EstimatedRadiographicMagnificationFactor="2",
        BurnedInAnnotation="YES",
    )
    read = read_film(path)
    assert read.spacing == pytest.approx((0.1, 0.15))
    assert dict(read.attributes) == {"view_position": "PA", "patient_sex": "F", "patient_age": 45}
    assert any("burnt-in" in warning for warning in read.warnings)
    assert "Nobody" not in repr(read)
    assert "secret" not in repr(read)


def test_what_cannot_be_read_is_one_sentence(stored, tmp_path):
    path = write(tmp_path / "many.dcm", np.vstack([stored, stored]), NumberOfFrames=2, Rows=SHAPE[0])
    with pytest.raises(UsageError, match=r"many\.dcm has 2 frames"):
        read_film(path)
    whole = write(tmp_path / "whole.dcm", stored).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"cut\.dcm"):
        read_film(tmp_path / "cut.dcm")


def test_a_file_without_a_preamble_is_read(stored, tmp_path):
    whole = write(tmp_path / "whole.dcm", stored)
    data = pydicom.dcmread(whole)
    bare = tmp_path / "bare.dcm"
    pydicom.dcmwrite(bare, data, implicit_vr=False, little_endian=True, enforce_file_format=False)
    bare.write_bytes(bare.read_bytes()[132:] if bare.read_bytes()[128:132] == b"DICM" else bare.read_bytes())
    np.testing.assert_allclose(read_film(bare).pixels.astype(int), full(stored), atol=1)
