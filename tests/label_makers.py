"""Label-map files made by hand: NIfTI, MetaImage, NRRD and DICOM SEG of the same voxels."""

import gzip
import zlib

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from ifi_mri.geometry import LPS_FROM_RAS

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"
SIDE_CODES = {"left": ("7771000", "Left"), "right": ("24028007", "Right")}


def nifti(path, voxels, affine, *, codes=(1, 1)):
    """Write (slice, row, column) voxels with an affine to LPS mm."""
    ras = LPS_FROM_RAS @ affine[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(np.ascontiguousarray(voxels.transpose(2, 1, 0)), ras)
    image.set_qform(ras, code=codes[0])
    image.set_sform(ras, code=codes[1])
    nib.save(image, path)
    return path


def metaimage(path, voxels, affine, *, compressed=False, big_endian=False, changes=None):
    """Write an ``.mha``, or an ``.mhd`` with a ``.zraw`` or ``.raw`` beside it."""
    steps = affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(steps, axis=0)
    data = voxels.astype(voxels.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
    data = zlib.compress(data) if compressed else data
    types = {"int16": "MET_SHORT", "uint8": "MET_UCHAR", "float32": "MET_FLOAT"}
    beside = path.with_suffix(".zraw" if compressed else ".raw")
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": str(big_endian),
        "CompressedData": str(compressed),
        "TransformMatrix": " ".join(repr(float(x)) for x in (steps / spacing).T.ravel()),
        "Offset": " ".join(repr(float(x)) for x in affine[:3, 3]),
        "AnatomicalOrientation": "RAI",
        "ElementSpacing": " ".join(repr(float(x)) for x in spacing),
        "DimSize": " ".join(str(n) for n in voxels.shape[::-1]),
        "ElementType": types[voxels.dtype.name],
        "ElementDataFile": "LOCAL" if path.suffix == ".mha" else beside.name,
    }
    header |= changes or {}
    header["ElementDataFile"] = header.pop("ElementDataFile")  # always the last line
    text = "".join(f"{key} = {value}\n" for key, value in header.items() if value is not None)
    if path.suffix == ".mha":
        path.write_bytes(text.encode() + data)
    else:
        path.write_text(text)
        beside.write_bytes(data)
    return path


def nrrd(
    path,
    layers,
    affine,
    *,
    encoding="raw",
    space="left-posterior-superior",
    keys=None,
    changes=None,
):
    """Write one or several layers of voxels, with Slicer's keys for segments."""
    stack = np.stack(layers, axis=-1)
    signs = {"l": (1, 1), "r": (-1, -1)}[space[0]]
    steps = affine[:3, [2, 1, 0]] * np.array([[signs[0]], [signs[1]], [1]])
    origin = affine[:3, 3] * (*signs, 1)
    vectors = [f"({','.join(repr(float(x)) for x in step)})" for step in steps.T]
    sizes = stack.shape[:3][::-1]
    if len(layers) > 1:
        sizes, vectors = (len(layers), *sizes), ["none", *vectors]
    else:
        stack = stack[..., 0]
    types = {"int16": "short", "uint8": "unsigned char", "float32": "float"}
    fields = {
        "type": types[stack.dtype.name],
        "dimension": str(len(sizes)),
        "space": space,
        "sizes": " ".join(map(str, sizes)),
        "space directions": " ".join(vectors),
        "endian": "little",
        "encoding": encoding,
        "space origin": f"({','.join(repr(float(x)) for x in origin)})",
    }
    fields |= changes or {}
    lines = ["NRRD0004", "# made by hand"]
    lines += [f"{key}: {value}" for key, value in fields.items() if value is not None]
    lines += [f"{key}:={value}" for key, value in (keys or {}).items()]
    data = stack.tobytes()
    data = gzip.compress(data) if encoding == "gzip" else data
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + data)
    return path


def dicom_seg(
    path,
    masks,
    affine,
    *,
    names=None,
    sides=None,
    kind="BINARY",
    keep_empty=False,
    order=None,
    changes=None,
):
    """Write segments, one mask each (slice, row, column); empty frames are left out.

    ``names`` are segment labels, ``sides`` left, right or None for each.  ``order`` permutes the
    frames.
    """
    names = names or [f"segment {n}" for n in range(1, len(masks) + 1)]
    sides = sides or [None] * len(masks)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = LABEL_MAP_SEGMENTATION if kind == "LABELMAP" else SEGMENTATION
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["seg"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    seg = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    seg.SOPClassUID, seg.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    seg.Modality, seg.SegmentationType = "SEG", kind
    seg.StudyInstanceUID, seg.FrameOfReferenceUID = "1.2.3", "1.2.3.4"
    seg.Rows, seg.Columns = masks[0].shape[1:]
    seg.SamplesPerPixel, seg.PhotometricInterpretation, seg.PixelRepresentation = (
        1,
        "MONOCHROME2",
        0,
    )
    bits = 1 if kind == "BINARY" else 8
    seg.BitsAllocated = seg.BitsStored = bits
    seg.HighBit = bits - 1
    if kind == "FRACTIONAL":
        seg.SegmentationFractionalType, seg.MaximumFractionalValue = "OCCUPANCY", 200
    seg.SegmentSequence = Sequence(
        _segment(n, name, side) for n, (name, side) in enumerate(zip(names, sides, strict=True), 1)
    )
    frames = _frames(masks, kind, keep_empty)
    frames = [frames[i] for i in order(len(frames))] if order else frames
    seg.NumberOfFrames = len(frames)
    shared = Dataset()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing = [_ds(np.linalg.norm(affine[:3, axis])) for axis in (1, 2)]
    measures.SliceThickness = _ds(np.linalg.norm(affine[:3, 0]))
    directions = [affine[:3, axis] / np.linalg.norm(affine[:3, axis]) for axis in (2, 1)]
    orientation.ImageOrientationPatient = [_ds(x) for x in np.concatenate(directions)]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    seg.SharedFunctionalGroupsSequence = Sequence([shared])
    seg.PerFrameFunctionalGroupsSequence = Sequence(
        _frame_group(number, k, affine, kind) for number, k, _ in frames
    )
    pixels = np.stack([picture for _, _, picture in frames])
    if kind == "BINARY":
        packed = np.packbits(pixels.astype(np.uint8).ravel(), bitorder="little").tobytes()
    else:
        packed = pixels.astype(np.uint8).tobytes()
    seg.PixelData = packed + b"\0" * (len(packed) % 2)
    for keyword, value in (changes or {}).items():
        setattr(seg, keyword, value)
    seg.save_as(path, enforce_file_format=True)
    return path


def _frames(masks, kind, keep_empty):
    if kind == "LABELMAP":
        labels = np.zeros(masks[0].shape, dtype=np.uint8)
        for number, mask in enumerate(masks, 1):
            labels[mask > 0] = number
        return [(None, k, labels[k]) for k in range(len(labels)) if keep_empty or labels[k].any()]
    scale = 200 if kind == "FRACTIONAL" else 1
    return [
        (number, k, mask[k] * scale)
        for number, mask in enumerate(masks, 1)
        for k in range(len(mask))
        if keep_empty or mask[k].any()
    ]


def _segment(number, name, side):
    segment, code = Dataset(), Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = (
        number,
        name,
        "MANUAL",
    )
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "71341001", "SCT", "Femur"
    if side:
        modifier = Dataset()
        modifier.CodeValue, modifier.CodeMeaning = SIDE_CODES[side]
        modifier.CodingSchemeDesignator = "SCT"
        code.SegmentedPropertyTypeModifierCodeSequence = Sequence([modifier])
    segment.SegmentedPropertyTypeCodeSequence = Sequence([code])
    return segment


def _frame_group(number, k, affine, kind):
    group, position = Dataset(), Dataset()
    position.ImagePositionPatient = [_ds(x) for x in affine[:3, 3] + k * affine[:3, 0]]
    group.PlanePositionSequence = Sequence([position])
    if kind != "LABELMAP":
        identification = Dataset()
        identification.ReferencedSegmentNumber = number
        group.SegmentIdentificationSequence = Sequence([identification])
    return group


def _ds(value):
    """Return a number as a decimal string of at most 16 characters."""
    return f"{value:.10f}"[:16]
