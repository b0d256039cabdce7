"""The series of the phantom: which slices, rendered, shaded, noisy, stored as whole numbers."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from ifi_mri.model import FloatArray, Grid, Instance, Volume
from ifi_mri.phantom import protocols
from ifi_mri.phantom.protocols import Protocol
from ifi_mri.phantom.render import FloatImage, Hips, render
from ifi_mri.phantom.scan import (
    FIELD_Y_MM,
    THICKNESS_SHARE,
    Raster,
    Scan,
    axial_raster,
    centres,
    patient_from_slice_frame,
)
from ifi_mri.phantom.shapes import Array
from ifi_mri.phantom.signal import Texture, coil_sensitivity, with_rician_noise
from ifi_mri.vocabulary import Side

MR_IMAGE_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.4"

#: Namespace of all UIDs of the phantom, so that the same arguments always make the same study.
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "ifi_mri/phantom/1")

#: Field of the planes that run from head to foot, mm.
_TALL_MM: Final = (-64.0, 64.0)
_CORONAL_PIXEL_MM: Final = 1.8
_CORONAL_SPACING_MM: Final = 6.0
_CORONAL_Y_MM: Final = (-40.0, 72.0)
_LOCALIZER_PIXEL_MM: Final = 3.2
_LOCALIZER_SPACING_MM: Final = 12.0
#: The localizer's planes: through both hips from the front, and through one from its side.
_LOCALIZER_Y_MM: Final = 20.0
_LOCALIZER_X_MM: Final = 60.0


def made_up_uid(identity: str, what: str) -> str:
    """Return a UID derived from a UUID (PS3.5 B.2), the same for the same arguments."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, f'{identity}/{what}').int}"


@dataclass(frozen=True, eq=False)
class Stack:
    """One series of the phantom, or one plane of its localizer.

    Attributes
    ----------
    grid : Grid
        Where the voxels lie in patient LPS mm.
    acquire : callable
        Makes the voxels.
    first_number : int
        InstanceNumber of the first slice.
    """

    protocol: Protocol
    series_uid: str
    sop_instance_uids: tuple[str, ...]
    grid: Grid
    slice_thickness_mm: float
    acquire: Callable[[], FloatImage] = field(repr=False)
    first_number: int = 1

    @cached_property
    def voxels(self) -> FloatImage:
        """Voxels, shape (slices, rows, columns): whole numbers, as a scanner stores them.

        Read-only; made when first asked for, as landmarks and truth need none.
        """
        voxels = np.ascontiguousarray(self.acquire())
        voxels.flags.writeable = False
        return voxels

    def volume(self, frame_of_reference_uid: str) -> Volume:
        """Return the stack as the pipeline knows one, its instances in files that do not exist."""
        affine = self.grid.affine
        instances = [
            Instance(
                path=Path(self.protocol.name) / f"{self.first_number + k:04d}.dcm",
                sop_class_uid=MR_IMAGE_STORAGE,
                sop_instance_uid=uid,
                frame=None,
                position_mm=tuple(map(float, affine[:3, 3] + k * affine[:3, 0])),  # type: ignore[arg-type]
                number=self.first_number + k,
            )
            for k, uid in enumerate(self.sop_instance_uids)
        ]
        return Volume(
            self.voxels, affine, frame_of_reference_uid, self.series_uid, tuple(instances)
        )


@dataclass(frozen=True, eq=False)
class Scanner:
    """Hips on the table: every method scans one series.

    ``only`` is the side that alone is in the field; all UIDs derive from the text ``identity``.
    """

    hips: Hips
    scan: Scan
    only: Side | None
    identity: str

    def anatomy(self) -> Stack:
        """Scan the axial T1 series."""
        return self._axial(protocols.ANATOMY, self.scan.pixel_mm)

    def fluid_sensitive(self) -> Stack:
        """Scan the axial fat-suppressed series."""
        protocol = protocols.FLUID_SEQUENCES[self.scan.fluid_sequence]
        return self._axial(protocol, self.scan.fluid_pixel_mm)

    def coronal(self) -> Stack:
        """Scan a coronal T1 series, the foremost slice first."""
        pixel, spacing = _CORONAL_PIXEL_MM, _CORONAL_SPACING_MM
        raster = Raster(
            centres(*_TALL_MM, pixel), centres(*_CORONAL_Y_MM, spacing), self._columns(pixel)
        )
        return self._stack(protocols.CORONAL, raster, pixel, THICKNESS_SHARE * spacing, _CORONAL)

    def localizer(self) -> tuple[Stack, ...]:
        """Scan three coarse slices in each of the three planes."""
        pixel, spacing = _LOCALIZER_PIXEL_MM, _LOCALIZER_SPACING_MM
        tall, deep, wide = (
            centres(*_TALL_MM, pixel),
            centres(*FIELD_Y_MM, pixel),
            self._columns(pixel),
        )
        x = -_LOCALIZER_X_MM if self.only is Side.RIGHT else _LOCALIZER_X_MM
        three = spacing * np.array([-1.0, 0.0, 1.0])
        planes = (
            (Raster(three, deep, wide), _AXIAL, spacing),
            (Raster(tall, _LOCALIZER_Y_MM + three, wide), _CORONAL, pixel),
            (Raster(tall, deep, x + three), _SAGITTAL, pixel),
        )
        return tuple(
            self._stack(protocols.LOCALIZER, raster, depth, spacing, plane, first_number=1 + 3 * k)
            for k, (raster, plane, depth) in enumerate(planes)
        )

    def _columns(self, pixel_mm: float) -> Array:
        return axial_raster(self.scan, (pixel_mm, pixel_mm), self.only).x

    def _axial(self, protocol: Protocol, pixel_mm: tuple[float, float]) -> Stack:
        raster = axial_raster(self.scan, pixel_mm, self.only)
        thickness = self.scan.slice_thickness_mm
        return self._stack(protocol, raster, thickness, thickness, _AXIAL)

    def _stack(
        self, protocol: Protocol, raster: Raster, depth_mm: float, thickness_mm: float,
        plane: "_Plane", first_number: int = 1,
    ) -> Stack:  # fmt: skip
        """Scan a raster whose samples are ``depth_mm`` deep along z, and lay it out as slices."""

        def acquire() -> FloatImage:
            generator = np.random.default_rng([self.scan.seed, protocol.number, first_number])
            return plane.laid_out(self._picked_up(protocol, raster, depth_mm, generator))

        shape = tuple(raster.shape[axis] for axis in plane.axes)
        affine = patient_from_slice_frame(self.scan) @ raster.affine() @ plane.indices(raster.shape)
        what = f"{protocol.name}/{{}}".format
        return Stack(
            protocol=protocol,
            series_uid=made_up_uid(self.identity, protocol.name),
            sop_instance_uids=tuple(
                made_up_uid(self.identity, what(first_number + k)) for k in range(shape[0])
            ),
            grid=Grid.from_affine(affine, shape),
            slice_thickness_mm=thickness_mm,
            acquire=acquire,
            first_number=first_number,
        )

    def _picked_up(
        self, protocol: Protocol, raster: Raster, depth_mm: float, generator: np.random.Generator
    ) -> FloatImage:
        """Return what the coil picks up and the scanner stores, shape (z, y, x)."""
        texture = Texture(raster.y, raster.x, protocol.septa, generator)
        signal = render(self.hips, raster, depth_mm, protocol, texture)
        signal *= coil_sensitivity(raster.y, raster.x, self.scan.shading).astype(np.float32)
        if self.scan.snr is not None:
            signal = with_rician_noise(signal, protocol.muscle / self.scan.snr, generator)
        return np.rint(signal)


@dataclass(frozen=True, slots=True)
class _Plane:
    """How samples (z, y, x) are laid out as (slice, row, column); z runs down the rows, if it does.

    ``axes`` are the sample axes that become slice, row and column.
    """

    axes: tuple[int, int, int]

    def laid_out(self, samples: FloatImage) -> FloatImage:
        """Return samples as (slice, row, column); the head is at the top."""
        voxels = samples.transpose(self.axes)
        return voxels[:, ::-1] if self.axes[1] == 0 else voxels

    def indices(self, shape: tuple[int, int, int]) -> FloatArray:
        """Return the 4 x 4 matrix from (slice, row, column, 1) to (z, y, x, 1) indices."""
        matrix = np.zeros((4, 4))
        matrix[3, 3] = 1
        for voxel_axis, sample_axis in enumerate(self.axes):
            matrix[sample_axis, voxel_axis] = 1
        if self.axes[1] == 0:
            matrix[0, 1], matrix[0, 3] = -1, shape[0] - 1
        return matrix


_AXIAL = _Plane((0, 1, 2))
_CORONAL = _Plane((1, 0, 2))
_SAGITTAL = _Plane((2, 0, 1))
