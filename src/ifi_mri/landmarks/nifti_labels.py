"""NIfTI label maps: ``.nii`` and ``.nii.gz``, with the names that some programs put beside them.

NIfTI says RAS and is turned to LPS here.  Names stand in a header extension as the XML of a Caret
label table (``<Label Key="36" ...>femur_left</Label>``), as TotalSegmentator and Connectome
Workbench write it (TotalSegmentator, ``totalsegmentator/nifti_ext_header.py``).
"""

import re
from html import unescape
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.geometry import LPS_FROM_RAS
from ifi_mri.landmarks.label_volumes import (
    LabelVolume,
    Layer,
    as_labels,
    check_size,
    stacked,
)
from ifi_mri.landmarks.raw_voxels import LARGEST_BYTES, as_voxels, inflated, inflated_start
from ifi_mri.landmarks.text_files import named, read_whole
from ifi_mri.model import FloatArray

NAME: Final = "NIfTI label maps"
SUFFIXES: Final = (".nii", ".nii.gz")

_GZIP: Final = b"\x1f\x8b"

#: Headers of NIfTI-1 and NIfTI-2, bytes.
_HEADER_BYTES: Final = {348: "Nifti1Header", 540: "Nifti2Header"}

#: Header and extensions: a label table of a thousand names is some 100 kB.
_LONGEST_HEADER: Final = 4 * 1024**2

#: Both transforms of a header put a voxel at one place up to the rounding of 32-bit floats; beyond
#: this a program changed one of them and forgot the other, mm.
FORMS_DIFFER_MM: Final = 0.1

#: NIfTI's codes of units of length, in mm; what is not stated counts as mm.
_UNITS_MM: Final = {1: 1000.0, 2: 1.0, 3: 1e-3}

_LABEL: Final = re.compile(
    r"<Label\b[^>]*?\bKey=\"(\d{1,9})\"[^>]*>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))\s*</Label>",
    re.DOTALL,
)


def read(source: Path) -> LabelVolume:
    """Return the voxels of a NIfTI label map; see `label_files.read`."""
    content = read_whole(source, LARGEST_BYTES)
    zipped = content.startswith(_GZIP)
    head = inflated_start(content, _LONGEST_HEADER, source) if zipped else content[:_LONGEST_HEADER]
    header = _header(head, source)
    shape = _shape(header, source)
    dtype, offset = _dtype(header, source), _offset(header, len(head), source)
    affine = LPS_FROM_RAS @ _affine(header, shape, source)
    n_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if zipped:
        content = inflated(content, offset + n_bytes, source, more_allowed=True)
    stored = as_voxels(memoryview(content)[offset:], dtype, shape[::-1], source)
    voxels, grid = stacked(_scaled(stored, header, source), affine[:, [2, 1, 0, 3]], source)
    layer = Layer(as_labels(voxels, source), _names(head[:offset]))
    return LabelVolume(grid, (layer,), (source,))


def _header(head: bytes, source: Path) -> Any:
    import nibabel as nib

    for order in ("little", "big"):
        size = int.from_bytes(head[:4], order)
        if size in _HEADER_BYTES and len(head) >= size:
            try:
                header = getattr(nib, _HEADER_BYTES[size])(head[:size], check=False)
                magic = bytes(header["magic"])[:3]
            except Exception as problem:  # nibabel raises whatever its parts raise
                raise _broken(source, type(problem).__name__) from problem
            if magic not in (b"n+1", b"n+2"):
                raise _broken(source, "it is one of a pair of files, or no NIfTI")
            return header
    raise _broken(source, f"{len(head)} bytes that begin as no NIfTI header does")


def _shape(header: Any, source: Path) -> tuple[int, ...]:
    """Return the numbers of voxels along the first, second and third axis."""
    counts = [int(n) for n in np.asarray(header["dim"])]
    shape = tuple(counts[1 : 1 + counts[0]]) if 1 <= counts[0] <= 7 else ()
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    check_size(shape, source)
    return shape


def _dtype(header: Any, source: Path) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = np.dtype(header.get_data_dtype())
    except Exception as problem:  # a code that stands for no type
        raise _broken(source, f"voxels of type {int(header['datatype'])}") from problem
    return dtype


def _offset(header: Any, most: int, source: Path) -> int:
    offset = float(header["vox_offset"])
    smallest = len(header.binaryblock)
    if not smallest <= offset <= most:
        raise _broken(source, f"voxels from byte {offset:g} on")
    return int(offset)


def _affine(header: Any, shape: tuple[int, ...], source: Path) -> FloatArray:
    """Return the affine from voxel indices to RAS mm; refuse a header with none, or with two."""
    try:
        forms = [
            np.asarray(get(), dtype=np.float64)
            for code, get in (
                (header["sform_code"], header.get_sform),
                (header["qform_code"], header.get_qform),
            )
            if int(code) > 0
        ]
    except Exception as problem:  # nibabel raises whatever its parts raise
        raise _broken(source, "an orientation that is no rotation") from problem
    if not forms:
        raise LandmarkFormatError(
            f"{named(source)}: says nothing about where left and right are (qform_code and "
            "sform_code are 0). Save it again with its orientation."
        )
    scale = np.diag([_UNITS_MM.get(int(header["xyzt_units"]) & 0x07, 1.0)] * 3 + [1.0])
    forms = [scale @ form for form in forms]
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1)
    places = [form[:3, :3] @ corners + form[:3, 3:] for form in forms]
    apart_mm = float(np.linalg.norm(places[0] - places[-1], axis=0).max())
    if not apart_mm <= FORMS_DIFFER_MM:
        raise LandmarkFormatError(
            f"{named(source)}: its sform and its qform put a corner {apart_mm:.1f} mm apart, at "
            f"most {FORMS_DIFFER_MM:g} mm was expected: one of them is wrong. Save it again with "
            "the image's orientation."
        )
    return forms[0]


def _scaled(stored: npt.NDArray[Any], header: Any, source: Path) -> npt.NDArray[Any]:
    """Return stored numbers as what they mean, where the header scales them."""
    try:
        slope, intercept = header.get_slope_inter()
    except Exception as problem:  # numbers that are not finite
        raise _broken(source, "a scaling that is no number") from problem
    if slope in (None, 1.0) and intercept in (None, 0.0):
        return stored
    if not np.issubdtype(stored.dtype, np.number):
        raise _broken(source, f"scaled voxels of type {stored.dtype}")
    return stored * np.float64(slope) + np.float64(intercept)


def _names(head: bytes) -> dict[int, tuple[str, ...]]:
    """Return the names of the labels in the header's extensions, if there are any."""
    text = head.decode("utf-8", errors="replace")
    names: dict[int, tuple[str, ...]] = {}
    for key, quoted, plain in _LABEL.findall(text):
        name = (quoted or unescape(plain)).strip()
        if name and int(key) > 0:
            names[int(key)] = (name,)
    return names


def _broken(source: Path, problem: object) -> LandmarkFormatError:
    return LandmarkFormatError(
        f"{named(source)}: cannot be read as NIfTI ({problem}). Copy or export the file again."
    )
