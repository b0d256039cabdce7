"""NRRD label maps: ``.nrrd`` and ``.nhdr``, and Slicer's segmentations in them (``.seg.nrrd``).

An NRRD is a text header of ``field: value`` and ``key:=value`` lines, an empty line, and voxels,
the first axis fastest (https://teem.sourceforge.net/nrrd/format.html).  Slicer adds names of the
segments as keys and, where segments overlap, a leading axis of layers
(https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html).
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer, as_labels, check_size, stacked
from ifi_mri.landmarks.raw_voxels import as_voxels, inflated, read_bytes, unzipped_bz2
from ifi_mri.landmarks.text_files import named, shown

NAME: Final = "NRRD label maps and Slicer segmentations"
SUFFIXES: Final = (".nrrd", ".nhdr")

#: Slicer writes some ten lines for every segment.
_LONGEST_HEADER: Final = 1024 * 1024

#: Layers of overlapping segments that a file may claim.
_MOST_LAYERS: Final = 256

_TYPES: Final = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1",
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "short": "i2", "short int": "i2", "signed short": "i2", "int16": "i2", "int16_t": "i2",
    "ushort": "u2", "unsigned short": "u2", "uint16": "u2", "uint16_t": "u2",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4",
    "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4",
    "longlong": "i8", "long long": "i8", "int64": "i8", "int64_t": "i8",
    "ulonglong": "u8", "unsigned long long": "u8", "uint64": "u8", "uint64_t": "u8",
    "float": "f4", "double": "f8",
}  # fmt: skip

#: Signs that turn a space's axes to LPS.
_SPACES: Final = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip

_VECTOR: Final = re.compile(r"none|\([^)]*\)")
_SEGMENT: Final = re.compile(r"Segment(\d+)_(Name|LabelValue|Layer)")


def read(source: Path) -> LabelVolume:
    """Return the voxels of an NRRD file; see `label_files.read`."""
    content = read_bytes(source)
    end = re.search(rb"\r?\n\r?\n", content[:_LONGEST_HEADER])
    text = content[: end.start()] if end else content[:_LONGEST_HEADER]
    header, keys = _header(text, source)
    sizes = _sizes(header, source)
    n_layers = sizes[0] if len(sizes) == 4 else 1
    check_size(sizes[::-1][:3], source)
    if n_layers > _MOST_LAYERS:
        raise _unexpected(source, "sizes", header["sizes"], "three axes, or layers and three axes")
    rest = content[end.end() :] if end else b""
    stored, data_file = _stored(header, rest, sizes, source)
    by_layer = stored.reshape(*sizes[::-1][:3], n_layers)
    names = _names(keys)
    affine, layers, grid = _affine(header, len(sizes), source), [], None
    for k in range(n_layers):
        voxels, grid = stacked(by_layer[..., k], affine, source)
        layers.append(Layer(as_labels(voxels, source), names.get(k, {})))
    assert grid is not None
    files = (source,) if data_file == source else (source, data_file)
    return LabelVolume(grid, tuple(layers), files)


def _header(content: bytes, source: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields and the keys of a header."""
    if not content.startswith(b"NRRD0"):
        raise LandmarkFormatError(
            f"{named(source)}: does not begin as an NRRD file. Name a label map."
        )
    fields: dict[str, str] = {}
    keys: dict[str, str] = {}
    for line in content.decode("utf-8", errors="replace").splitlines()[1:]:
        if line.startswith("#"):
            continue
        key, is_key, value = line.partition(":=")
        if is_key:
            keys[key] = value
        else:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
    return fields, keys


def _sizes(header: dict[str, str], source: Path) -> list[int]:
    try:
        sizes = [int(word) for word in header.get("sizes", "").split()]
    except ValueError:
        sizes = []
    if len(sizes) not in (3, 4) or min(sizes) < 1:
        raise _unexpected(source, "sizes", header.get("sizes", ""), "three axes of voxels")
    return sizes


def _affine(header: dict[str, str], n_axes: int, source: Path) -> npt.NDArray[np.float64]:
    """Return the affine from (slice, row, column, 1) to LPS mm."""
    space = header.get("space", "").lower()
    if space not in _SPACES:
        raise _unexpected(source, "space", space, "left-posterior-superior or another of LPS, RAS")
    signs = np.array(_SPACES[space], dtype=np.float64)
    vectors = [
        _vector(text) for text in _VECTOR.findall(header.get("space directions", "").lower())
    ]
    if n_axes == 4 and len(vectors) == 4 and vectors[0] is None:
        vectors = vectors[1:]
    origin = _vector(header.get("space origin", ""))
    if len(vectors) != 3 or origin is None or any(vector is None for vector in vectors):
        raise LandmarkFormatError(
            f"{named(source)}: has no space directions and origin for three axes, so where its "
            "voxels lie is not known. Export the file again."
        )
    affine = np.eye(4)
    affine[:3, :3] = (np.array(vectors, dtype=np.float64)[::-1] * signs).T
    affine[:3, 3] = origin * signs
    return affine


def _vector(text: str) -> npt.NDArray[np.float64] | None:
    """Return three finite numbers written as ``(x,y,z)``, or None."""
    try:
        numbers = np.array([float(word) for word in text.strip("() ").split(",")])
    except ValueError:
        return None
    return numbers if numbers.shape == (3,) and np.isfinite(numbers).all() else None


def _stored(
    header: dict[str, str], rest: bytes, sizes: list[int], source: Path
) -> tuple[npt.NDArray[Any], Path]:
    kind = header.get("type", "").lower()
    if kind not in _TYPES:
        raise _unexpected(source, "type", kind, "a type of whole numbers")
    endian = header.get("endian", "little").lower()
    if endian not in ("little", "big"):
        raise _unexpected(source, "endian", endian, "little or big")
    if set(header) & {"line skip", "lineskip", "byte skip", "byteskip"}:
        raise _unexpected(source, "byte skip", "set", "voxels from the first byte")
    dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if endian == "big" else "<")
    data, data_file = _voxel_bytes(header, rest, source)
    n_bytes = int(np.prod(sizes, dtype=np.int64)) * dtype.itemsize
    encoding = header.get("encoding", "").lower()
    if encoding in ("gzip", "gz"):
        data = inflated(data, n_bytes, data_file)
    elif encoding in ("bzip2", "bz2"):
        data = unzipped_bz2(data, n_bytes, data_file)
    elif encoding != "raw":
        raise _unexpected(source, "encoding", encoding, "raw, gzip or bzip2")
    return as_voxels(data, dtype, sizes[::-1], data_file), data_file


def _voxel_bytes(header: dict[str, str], rest: bytes, source: Path) -> tuple[bytes, Path]:
    stated = header.get("data file", header.get("datafile"))
    if stated is None:
        return rest, source
    if stated.upper().startswith("LIST") or "%" in stated or not Path(stated).name:
        raise _unexpected(source, "data file", stated, "one file")
    data_file = source.parent / Path(stated).name  # beside the header, whatever path it states
    return read_bytes(data_file, source), data_file


def _names(keys: dict[str, str]) -> dict[int, dict[int, tuple[str, ...]]]:
    """Return the names of segments by layer and label."""
    segments: dict[str, dict[str, str]] = {}
    for key, value in keys.items():
        if match := _SEGMENT.fullmatch(key):
            segments.setdefault(match[1], {})[match[2]] = value.strip()
    names: dict[int, dict[int, tuple[str, ...]]] = {}
    for segment in segments.values():
        label, layer = segment.get("LabelValue", ""), segment.get("Layer", "0")
        if label.isdecimal() and layer.isdecimal() and segment.get("Name"):
            names.setdefault(int(layer), {})[int(label)] = (segment["Name"],)
    return names


def _unexpected(source: Path, field: str, found: str, expected: str) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{named(source)}: {field} is {shown(found)}, {expected} was expected. Convert the file."
    )
