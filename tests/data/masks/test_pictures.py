import sys

import numpy as np
import pytest

from radbench.data.masks import read_mask
from radbench.errors import UsageError

SHAPE = (40, 50)
MASK = np.zeros(SHAPE, dtype=bool)
MASK[5:15, 30:45] = True
LABELS = MASK.astype(np.uint8)
LABELS[25:35, 3:20] = 2


def _nifti(path, values, dtype=np.uint8):
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(values.astype(dtype), np.diag([-1, -1, 1, 1])), path)
    return path


@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_nifti_is_read_as_itk_writes_it(name, dtype, tmp_path):
    path = _nifti(tmp_path / name, MASK.T[..., None], dtype)
    np.testing.assert_array_equal(read_mask(path, SHAPE).mask, MASK)
    _nifti(path, LABELS.T, dtype)
    np.testing.assert_array_equal(read_mask(f"{path}#2", SHAPE).mask, LABELS == 2)
    with pytest.raises(UsageError, match=r"label map.*0 \(84 %\), 2 \(8 %\), 1 \(8 %\)"):
        read_mask(path, SHAPE)


def test_nifti_stored_by_rows_says_so(tmp_path):
    path = _nifti(tmp_path / "m.nii.gz", LABELS)
    with pytest.raises(UsageError, match=r"has 50 x 40 pixels .* write '#order=row' behind its name"):
        read_mask(f"{path}#1", SHAPE)
    np.testing.assert_array_equal(read_mask(f"{path}#1,order=row", SHAPE).mask, MASK)


def test_nifti_of_several_slices_or_broken_is_refused(tmp_path, monkeypatch):
    path = _nifti(tmp_path / "m.nii", np.zeros((50, 40, 2)))
    with pytest.raises(UsageError, match="50 x 40 x 2; expected one slice"):
        read_mask(path, SHAPE)
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="no readable NIfTI"):
        read_mask(path, SHAPE)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(UsageError, match=r"needs nibabel; install it with: pip install 'radbench\[nifti\]'"):
        read_mask(path, SHAPE)


@pytest.mark.parametrize(
    "values", [MASK, MASK * np.int64(255), MASK * 1.0, MASK * 0.7, MASK[None], MASK[..., None]]
)
def test_numpy_is_read(values, tmp_path):
    np.save(tmp_path / "m.npy", values)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.npy", SHAPE).mask, MASK)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.array([[{}]]), "no readable .npy file of plain numbers"),
        (np.zeros((2, 3, 4)), r"has the shape \[2, 3, 4\]"),
        (np.full(SHAPE, np.nan), "not finite"),
        (MASK * 1.5, "values from 0 to 1.5"),
        (MASK * -1, "values below 0"),
        (np.full(SHAPE, "x"), "expected numbers"),
    ],
)
def test_numpy_that_is_no_mask_is_refused(values, sentence, tmp_path):
    np.save(tmp_path / "m.npy", values, allow_pickle=True)
    with pytest.raises(UsageError, match=sentence):
        read_mask(tmp_path / "m.npy", SHAPE)


def _seg(path, frames, *, labels=("Lung", "Heart"), segments=(1, 2), kind="BINARY"):
    """A DICOM SEG with one frame a segment."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality, data.SegmentationType = "SEG", kind
    data.NumberOfFrames, data.Rows, data.Columns = len(frames), *SHAPE
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    bits = 1 if kind == "BINARY" else 8
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    if kind == "FRACTIONAL":
        data.MaximumFractionalValue = 200
    stored = np.stack(frames)
    packed = np.packbits(stored.ravel() > 0, bitorder="little") if bits == 1 else stored.astype(np.uint8)
    data.PixelData = packed.tobytes() + b"\0" * (packed.size % 2)
    data.SegmentSequence = []
    for number, label in enumerate(labels, start=1):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, label
        data.SegmentSequence.append(segment)
    data.PerFrameFunctionalGroupsSequence = []
    for number in segments:
        group, of = Dataset(), Dataset()
        of.ReferencedSegmentNumber = number
        group.SegmentIdentificationSequence = [of]
        data.PerFrameFunctionalGroupsSequence.append(group)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


@pytest.mark.parametrize("name", ["seg.dcm", "seg"])
def test_a_segment_is_named_by_number_or_label(name, tmp_path):
    path = _seg(tmp_path / name, [LABELS == 1, LABELS == 2])
    np.testing.assert_array_equal(read_mask(f"{path}#1", SHAPE).mask, MASK)
    np.testing.assert_array_equal(read_mask(f"{path}#segment=Heart", SHAPE).mask, LABELS == 2)
    np.testing.assert_array_equal(read_mask(f"{path}#segment=Heart|Lung", SHAPE).mask, LABELS > 0)
    with pytest.raises(UsageError, match=r"has the segments 1 \(Lung\), 2 \(Heart\); name those"):
        read_mask(path, SHAPE)
    with pytest.raises(UsageError, match=r"no segment 'Hart'; it has 1 .* Did you mean 'Heart'"):
        read_mask(f"{path}#segment=Hart", SHAPE)


def test_one_segment_needs_no_name(tmp_path):
    path = _seg(tmp_path / "seg.dcm", [MASK], labels=("Lung",), segments=(1,))
    np.testing.assert_array_equal(read_mask(path, SHAPE).mask, MASK)


def test_a_fractional_segment_is_cut_at_half(tmp_path):
    values = np.where(MASK, 120, 80)
    path = _seg(tmp_path / "seg.dcm", [values], labels=("Lung",), segments=(1,), kind="FRACTIONAL")
    np.testing.assert_array_equal(read_mask(path, SHAPE).mask, MASK)


def test_a_segmentation_of_several_films_or_broken_is_refused(tmp_path):
    path = _seg(tmp_path / "seg.dcm", [MASK, ~MASK], labels=("Lung",), segments=(1, 1))
    with pytest.raises(UsageError, match="2 frames of one segment"):
        read_mask(path, SHAPE)
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="no readable DICOM"):
        read_mask(path, SHAPE)


def test_a_segmentation_by_highdicom_is_read(tmp_path):
    hd = pytest.importorskip("highdicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.sr.codedict import codes
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = (
        ExplicitVRLittleEndian,
        DigitalXRayImageStorageForPresentation,
    )
    film = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, generate_uid()
    film.StudyInstanceUID, film.SeriesInstanceUID, film.Modality = generate_uid(), generate_uid(), "DX"
    film.PatientID = film.PatientName = film.PatientBirthDate = film.PatientSex = film.AccessionNumber = ""
    film.StudyID = film.StudyDate = film.StudyTime = film.ReferringPhysicianName = film.Manufacturer = ""
    film.Rows, film.Columns, film.ImagerPixelSpacing = *SHAPE, [0.2, 0.2]
    film.SamplesPerPixel, film.BitsAllocated, film.BitsStored, film.HighBit = 1, 8, 8, 7
    film.PixelRepresentation, film.PhotometricInterpretation = 0, "MONOCHROME2"
    film.PixelData = np.zeros(SHAPE, np.uint8).tobytes()
    describe = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=codes.SCT.Lung,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, label in ((1, "Lung"), (2, "Heart"))
    ]
    for kind in ("BINARY", "LABELMAP"):
        seg = hd.seg.Segmentation(
            source_images=[film],
            pixel_array=LABELS[None],
            segmentation_type=kind,
            segment_descriptions=describe,
            series_instance_uid=generate_uid(),
            series_number=1,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="m",
            manufacturer_model_name="m",
            software_versions="1",
            device_serial_number="1",
        )
        seg.save_as(tmp_path / "seg.dcm")
        np.testing.assert_array_equal(read_mask(f"{tmp_path / 'seg.dcm'}#1", SHAPE).mask, MASK)
        np.testing.assert_array_equal(
            read_mask(f"{tmp_path / 'seg.dcm'}#segment=heart", SHAPE).mask, LABELS == 2
        )
