"""MetaImage label maps: ``.mha``, or ``.mhd`` with its voxels in a file beside it.

A MetaImage is a text header of ``Key = value`` lines, the last of which is ``ElementDataFile``,
and raw or zlib-compressed voxels, the first axis fastest.  ``TransformMatrix`` lists the direction
of the first axis, then of the second and the third; ``Offset`` is the centre of the first voxel.
Positions are LPS by ITK's convention, which ``AnatomicalOrientation`` does not change
(https://itk.org/Wiki/ITK/MetaIO/Documentation).
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer, as_labels, check_size, stacked
from ifi_mri.landmarks.raw_voxels import as_voxels, inflated, read_bytes
from ifi_mri.landmarks.text_files import named, shown

NAME: Final = "MetaImage label maps"
SUFFIXES: Final = (".mha", ".mhd")

#: A header is some twenty lines.
_LONGEST_HEADER: Final = 64 * 1024

_TYPES: Final = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip

_DATA_FILE_LINE: Final = re.compile(rb"^\s*ElementDataFile\s*=[^\n]*\n?", re.MULTILINE)


def read(source: Path) -> LabelVolume:
    """Return the voxels of a MetaImage; see `label_files.read`."""
    content = read_bytes(source)
    end = _DATA_FILE_LINE.search(content[:_LONGEST_HEADER])
    if end is None:
        raise LandmarkFormatError(
            f"{named(source)}: is not a MetaImage header (no ElementDataFile line). Name a label "
            "map."
        )
    header = _header(content[: end.end()], source)
    sizes = [int(n) for n in _numbers(header, "DimSize", 3, source)]
    check_size(sizes[::-1], source)
    _refuse_channels(header, source)
    data, data_file = _voxel_bytes(header, content[end.end() :], source)
    stored = as_voxels(
        _decoded(header, data, sizes, data_file), _dtype(header, source), sizes[::-1], data_file
    )
    voxels, grid = stacked(stored, _affine(header, source), source)
    files = (source,) if data_file == source else (source, data_file)
    return LabelVolume(grid, (Layer(as_labels(voxels, source)),), files)


def _header(content: bytes, source: Path) -> dict[str, str]:
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as problem:
        raise LandmarkFormatError(
            f"{named(source)}: its header is not text. Name a MetaImage file."
        ) from problem
    pairs = [line.partition("=") for line in lines if line.strip()]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _affine(header: dict[str, str], source: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the affine from (slice, row, column, 1) to LPS mm."""
    spacing = _numbers(header, "ElementSpacing", 3, source)
    directions = _numbers(header, "TransformMatrix|Rotation|Orientation", 9, source)
    offset = _numbers(header, "Offset|Position|Origin", 3, source)
    steps = np.reshape(directions, (3, 3)) * np.reshape(spacing, (3, 1))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = steps[::-1].T, offset
    return affine


def _numbers(header: dict[str, str], keys: str, count: int, source: Path) -> list[float]:
    for key in keys.split("|"):
        if key in header:
            try:
                numbers = [float(word) for word in header[key].split()]
            except ValueError:
                numbers = []
            if len(numbers) == count and np.isfinite(numbers).all():
                return numbers
            raise LandmarkFormatError(
                f"{named(source)}: {key} is {shown(header[key])}, {count} numbers were expected. "
                "Export the file again."
            )
    raise LandmarkFormatError(
        f"{named(source)}: has no {keys.split('|')[0]}, so where its voxels lie is not known. "
        "Export the file again."
    )


def _dtype(header: dict[str, str], source: Path) -> np.dtype[Any]:
    name = header.get("ElementType", "")
    if name not in _TYPES:
        raise LandmarkFormatError(
            f"{named(source)}: ElementType is {shown(name)}, one of {', '.join(_TYPES)} was "
            "expected. Convert the file."
        )
    big = _yes(header, "BinaryDataByteOrderMSB") or _yes(header, "ElementByteOrderMSB")
    return np.dtype(_TYPES[name]).newbyteorder(">" if big else "<")


def _refuse_channels(header: dict[str, str], source: Path) -> None:
    if header.get("ElementNumberOfChannels", "1") != "1":
        raise LandmarkFormatError(
            f"{named(source)}: has {shown(header['ElementNumberOfChannels'])} numbers a voxel, "
            "one label was expected. Name a label map."
        )
    if not _yes(header, "BinaryData", default="True"):
        raise LandmarkFormatError(
            f"{named(source)}: its voxels are text, binary ones were expected. Convert the file."
        )


def _voxel_bytes(header: dict[str, str], rest: bytes, source: Path) -> tuple[bytes, Path]:
    """Return the stored bytes and the file they are in: this one, or one beside it."""
    stated = header["ElementDataFile"]
    if stated.upper() == "LOCAL":
        return rest, source
    if stated.upper().startswith("LIST") or "%" in stated or not Path(stated).name:
        raise LandmarkFormatError(
            f"{named(source)}: its voxels are in several files ({shown(stated)}), one was "
            "expected. Convert it to one file."
        )
    data_file = source.parent / Path(stated).name  # beside the header, whatever path it states
    return read_bytes(data_file, source), data_file


def _decoded(header: dict[str, str], data: bytes, sizes: list[int], source: Path) -> bytes:
    n_bytes = int(np.prod(sizes, dtype=np.int64)) * _dtype(header, source).itemsize
    if _yes(header, "CompressedData"):
        return inflated(data, n_bytes, source)
    try:
        skipped = int(header.get("HeaderSize", "0"))
    except ValueError:
        skipped = 0
    return data[len(data) - n_bytes :] if skipped == -1 else data[max(0, skipped) :]


def _yes(header: dict[str, str], key: str, default: str = "False") -> bool:
    return header.get(key, default).strip().lower() in ("true", "1", "yes")
