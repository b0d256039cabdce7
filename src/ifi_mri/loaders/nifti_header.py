"""The headers of NIfTI-1 and NIfTI-2 files: where voxels lie and how they are stored.

NIfTI world coordinates are RAS (+x right to left is *left to right* there: right, anterior,
superior); `affine_lps` is turned to patient LPS.  Precedence as nibabel's ``get_best_affine``: the
sform where its code is set, else the qform (https://nifti.nimh.nih.gov/nifti-1; nifti1.h).
"""

import math
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from ifi_mri.geometry import LPS_FROM_RAS, FloatArray

#: Voxel types of nifti1.h that hold grey values, by code.
_DTYPES: Final = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8",
    1280: "u8",
}  # fmt: skip

_MILLIMETRES: Final = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Length of a unit of space, mm, by the code in ``xyzt_units``; unknown counts as mm."""

HEADER_BYTES: Final = 540
"""Enough for either version: 348 or 540 bytes."""


#: Square of the quaternion's first part below which it is rounding of the others, which are kept in
#: 32 bits, and the turn is one by 180 degrees (nifti1_io.c, nifti_quatern_to_mat44).
HALF_TURN: Final = 1e-7


class NiftiHeaderError(Exception):
    """The header cannot be used; the text says what is wrong, expected and found."""


@dataclass(frozen=True, slots=True, eq=False)
class NiftiHeader:
    """A NIfTI header.

    Attributes
    ----------
    shape : tuple of ints
        Voxels along i, j, k and further axes.
    dtype : numpy.dtype
        With its byte order.
    slope, intercept : float
        From stored to real values; 1 and 0 where the header sets none.
    slice_axis : int or None
        The axis that ``dim_info`` calls the slices'.
    sform, qform : numpy.ndarray of shape (4, 4) or None
        From (i, j, k, 1) to RAS mm; None where the code is 0.
    base : numpy.ndarray of shape (4, 4)
        The fallback of nibabel where neither is set: spacing alone, centre at the origin, left
        first.
    """

    shape: tuple[int, ...]
    dtype: "np.dtype[np.generic]"
    data_offset: int
    slope: float
    intercept: float
    slice_axis: int | None
    sform: FloatArray | None
    qform: FloatArray | None
    base: FloatArray
    description: str
    intent_code: int
    intent_name: str

    @property
    def is_placed(self) -> bool:
        """Whether the header says where the voxels lie in the patient."""
        return self.sform is not None or self.qform is not None

    @property
    def affine_lps(self) -> FloatArray:
        """From (i, j, k, 1) to patient LPS mm."""
        best = self.sform if self.sform is not None else self.qform
        return np.asarray(LPS_FROM_RAS @ (self.base if best is None else best), dtype=np.float64)

    @property
    def n_volumes(self) -> int:
        """How many 3-D images the file holds."""
        return int(np.prod(self.shape[3:], dtype=np.int64))

    @property
    def volume_bytes(self) -> int:
        """Bytes of one 3-D image."""
        return int(np.prod(self.shape[:3], dtype=np.int64)) * self.dtype.itemsize


def parse_header(raw: bytes) -> NiftiHeader:
    """Return the header that a file begins with.

    Raises
    ------
    NiftiHeaderError
        It is no NIfTI header, or its fields cannot be.
    """
    if len(raw) < 348:
        raise NiftiHeaderError(f"holds {len(raw)} bytes, expected a header of 348 or more")
    for order in "<>":
        (size,) = struct.unpack_from(order + "i", raw)
        if size == 348:
            return _version_1(raw, order)
        if size == 540 and len(raw) >= 540:
            return _version_2(raw, order)
    raise NiftiHeaderError(
        f"begins with header size {struct.unpack_from('<i', raw)[0]}, expected 348 or 540"
    )


def _version_1(raw: bytes, order: str) -> NiftiHeader:
    def field(code: str, at: int) -> tuple[float, ...]:
        return struct.unpack_from(order + code, raw, at)

    if raw[344:347] not in (b"n+1",):
        raise NiftiHeaderError(f"has magic {raw[344:348]!r}, expected b'n+1'")
    return _header(
        dim=[int(n) for n in field("8h", 40)],
        datatype=int(field("h", 70)[0]),
        pixdim=field("8f", 76),
        data_offset=field("f", 108)[0],
        scaling=(field("f", 112)[0], field("f", 116)[0]),
        units=raw[123],
        dim_info=raw[39],
        codes=(int(field("h", 252)[0]), int(field("h", 254)[0])),
        quaternion=field("6f", 256),
        srow=field("12f", 280),
        order=order,
        texts=(raw[148:228], raw[328:344]),
        intent_code=int(field("h", 68)[0]),
    )


def _version_2(raw: bytes, order: str) -> NiftiHeader:
    def field(code: str, at: int) -> tuple[float, ...]:
        return struct.unpack_from(order + code, raw, at)

    if raw[4:7] not in (b"n+2",):
        raise NiftiHeaderError(f"has magic {raw[4:8]!r}, expected b'n+2'")
    return _header(
        dim=[int(n) for n in field("8q", 16)],
        datatype=int(field("h", 12)[0]),
        pixdim=field("8d", 104),
        data_offset=field("q", 168)[0],
        scaling=(field("d", 176)[0], field("d", 184)[0]),
        units=int(field("i", 500)[0]) & 0xFF,
        dim_info=raw[524],
        codes=(int(field("i", 344)[0]), int(field("i", 348)[0])),
        quaternion=field("6d", 352),
        srow=field("12d", 400),
        order=order,
        texts=(raw[240:320], raw[508:524]),
        intent_code=int(field("i", 504)[0]),
    )


def _header(
    *,
    dim: list[int],
    datatype: int,
    pixdim: tuple[float, ...],
    data_offset: float,
    scaling: tuple[float, float],
    units: int,
    dim_info: int,
    codes: tuple[int, int],
    quaternion: tuple[float, ...],
    srow: tuple[float, ...],
    order: str,
    texts: tuple[bytes, bytes],
    intent_code: int,
) -> NiftiHeader:
    if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1:
        raise NiftiHeaderError(f"has dimensions {dim}, expected 3 above 0")
    if datatype not in _DTYPES:
        raise NiftiHeaderError(f"has voxel type {datatype}, expected grey values (2, 4, 8, 16 ...)")
    if not np.isfinite(data_offset) or data_offset < 0:
        raise NiftiHeaderError(f"has data offset {data_offset}, expected 352 or more")
    shape = tuple([*dim[1 : dim[0] + 1], 1, 1][: max(3, dim[0])])
    scale_mm = _MILLIMETRES.get(units & 0x07, 1.0)
    spacing = np.abs(np.array(pixdim[1:4], dtype=np.float64)) * scale_mm
    qform_code, sform_code = codes
    slope, intercept = scaling
    if not np.isfinite(slope) or slope == 0:
        slope, intercept = 1.0, 0.0
    slice_axis = (dim_info >> 4 & 0x03) - 1
    return NiftiHeader(
        shape=shape,
        dtype=np.dtype(order + _DTYPES[datatype]),
        data_offset=int(data_offset),
        slope=float(slope),
        intercept=float(intercept) if np.isfinite(intercept) else 0.0,
        slice_axis=slice_axis if slice_axis >= 0 else None,
        sform=_sform(srow, scale_mm) if sform_code > 0 else None,
        qform=_qform(quaternion, pixdim[0], spacing, scale_mm) if qform_code > 0 else None,
        base=_base(shape, spacing),
        description=_text(texts[0]),
        intent_code=intent_code,
        intent_name=_text(texts[1]),
    )


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin-1").strip()


def _sform(srow: tuple[float, ...], scale_mm: float) -> FloatArray:
    affine = np.vstack([np.array(srow, dtype=np.float64).reshape(3, 4), [0, 0, 0, 1]])
    affine[:3] *= scale_mm
    return affine


def _qform(
    quaternion: tuple[float, ...], qfac: float, spacing_mm: FloatArray, scale_mm: float
) -> FloatArray:
    """Return the affine of a quaternion (nifti1.h, method 2)."""
    b, c, d, *offset = (float(x) for x in quaternion)
    square = b * b + c * c + d * d
    a = math.sqrt(1.0 - square) if 1.0 - square >= HALF_TURN else 0.0
    if a == 0.0 and square > 0:
        b, c, d = (x / math.sqrt(square) for x in (b, c, d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    mirrored = spacing_mm * np.array([1.0, 1.0, -1.0 if qfac < 0 else 1.0])
    affine = np.eye(4)
    affine[:3, :3] = rotation * mirrored
    affine[:3, 3] = np.array(offset) * scale_mm
    return affine


def _base(shape: tuple[int, ...], spacing_mm: FloatArray) -> FloatArray:
    step = spacing_mm * np.array([-1.0, 1.0, 1.0])
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = -step * (np.array(shape[:3]) - 1) / 2
    return affine
