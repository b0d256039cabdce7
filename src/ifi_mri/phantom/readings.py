"""One hip on the slices of the patient: what a reader who never errs would mark."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ifi_mri.geometry import voxel_to_patient
from ifi_mri.model import FloatArray, Landmark, Outline
from ifi_mri.phantom.hip import ACROSS, TROCHANTER_AXIS, HipAnatomy
from ifi_mri.phantom.scan import Scan
from ifi_mri.phantom.shapes import XY, Array, facing, rounded_outline
from ifi_mri.phantom.surroundings import REFERENCE
from ifi_mri.vocabulary import LandmarkName, Side

LandmarkKind: TypeAlias = Literal["outlines", "points"]

#: How far round from the tip a reader follows the cortex of the trochanter (it runs into the shaft
#: beyond) and the surface of the hamstring origin (it runs into the ischium), degrees.
_TROCHANTER_ARC_DEG: Final = 60.0
_HAMSTRING_ARC_DEG: Final = 90.0

#: Vertices of the reference muscle's outline.
_REFERENCE_VERTICES: Final = 32

#: Landmarks are given to a tenth of a micrometre: no platform's last bits show in a file.
_DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Level:
    """A slice of the anatomy series: index, instance, and height over the hip's narrowest level."""

    index: int
    sop_instance_uid: str
    z: float


@dataclass(frozen=True, eq=False)
class PlacedHip:
    """The anatomy of one side and where it lies in the stack and in the patient.

    ``level_mm`` is the position of the narrowest slice in the slice frame.
    """

    side: Side
    anatomy: HipAnatomy
    level_mm: float
    scan: Scan
    patient_from_frame: FloatArray
    sop_instance_uids: tuple[str, ...]

    def levels(self, shows: Callable[[float], bool]) -> tuple[Level, ...]:
        """Return the slices whose height over the narrowest level fits."""
        heights = [self.scan.slice_z(k) - self.level_mm for k in range(self.scan.n_slices)]
        return tuple(
            Level(index, uid, z)
            for index, (uid, z) in enumerate(zip(self.sop_instance_uids, heights, strict=True))
            if shows(z)
        )

    @property
    def trochanter_levels(self) -> tuple[Level, ...]:
        """The slices on which both spaces are measured."""
        return self.levels(self.anatomy.has_trochanter)

    @property
    def quadratus_levels(self) -> tuple[Level, ...]:
        """The slices that lie in quadratus femoris with their whole thickness."""
        half = self.scan.slice_thickness_mm / 2
        return self.levels(
            lambda z: self.anatomy.has_quadratus(z - half) and self.anatomy.has_quadratus(z + half)
        )

    def in_patient(self, points: npt.ArrayLike, level: Level) -> Outline:
        """Return points of one level, shape (n, 2), in patient LPS mm."""
        plane = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        height = np.full(len(plane), level.z + self.level_mm)
        frame = np.stack([self.side.sign * plane[:, 0], plane[:, 1], height], axis=1)
        # The matrix leads from (x, y, z) just as an affine leads from (slice, row, column).
        patient = voxel_to_patient(self.patient_from_frame, frame).round(_DECIMALS) + 0.0
        return tuple((float(x), float(y), float(z)) for x, y, z in patient)

    # --- what a reader marks ---

    def marks(self, kind: LandmarkKind, step_deg: float) -> Iterator[Landmark]:
        """Yield all landmarks of the hip."""
        for level in self.trochanter_levels:
            trace = self._outlines(level.z, step_deg) if kind == "outlines" else self._ends(level.z)
            for name, points, closed in trace:
                yield self._landmark(name, points, level, closed)
        angles = np.linspace(0, 2 * np.pi, _REFERENCE_VERTICES, endpoint=False)
        reference = [REFERENCE.at(float(np.cos(a)), float(np.sin(a))) for a in angles]
        for level in self.quadratus_levels:
            muscle = self.anatomy.quadratus.vertices
            yield self._landmark(LandmarkName.QUADRATUS_FEMORIS, muscle, level, closed=True)
            yield self._landmark(LandmarkName.REFERENCE_MUSCLE, reference, level, closed=True)

    def _landmark(
        self, name: LandmarkName, points: npt.ArrayLike, level: Level, closed: bool
    ) -> Landmark:
        placed = self.in_patient(points, level)
        return Landmark(name, self.side, placed, closed, level.sop_instance_uid)

    def _outlines(self, z: float, step_deg: float) -> Iterator[tuple[LandmarkName, Array, bool]]:
        """Yield the outlines of bones and tendons at a height: name, vertices, closed."""
        hip = self.anatomy
        trochanter, hamstring = hip.trochanter(z), hip.hamstring
        medial = (-TROCHANTER_AXIS[0], -TROCHANTER_AXIS[1])
        yield LandmarkName.ISCHIAL_TUBEROSITY, rounded_outline(*hip.ischium, step_deg), True
        yield (
            LandmarkName.LESSER_TROCHANTER,
            facing(
                rounded_outline(*trochanter, step_deg),
                medial, _TROCHANTER_ARC_DEG, trochanter.core.vertices[0],
            ),
            False,
        )  # fmt: skip
        yield (
            LandmarkName.HAMSTRING_ORIGIN,
            facing(
                rounded_outline(*hamstring, step_deg),
                ACROSS, _HAMSTRING_ARC_DEG, hamstring.core.vertices[0],
            ),
            False,
        )  # fmt: skip
        yield LandmarkName.ILIOPSOAS_TENDON, rounded_outline(*hip.iliopsoas(z), step_deg), True

    def _ends(self, z: float) -> Iterator[tuple[LandmarkName, XY, bool]]:
        """Yield the ends of both spaces at a height: name, point, not closed."""
        bones = self.anatomy.ischiofemoral_space(z)
        tendons, far = self.anatomy.quadratus_femoris_space(z)
        yield LandmarkName.ISCHIAL_TUBEROSITY, bones.start, False
        yield LandmarkName.LESSER_TROCHANTER, bones.end, False
        yield LandmarkName.HAMSTRING_ORIGIN, tendons.start, False
        yield far, tendons.end, False
