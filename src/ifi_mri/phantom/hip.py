"""The measured hip: ischium, lesser trochanter, tendons and quadratus femoris, with their truth.

The ischiofemoral space runs from the lateral cortex of the ischial tuberosity to the medial cortex
of the lesser trochanter, the quadratus femoris space from the superolateral surface of the
hamstring tendons to the posteromedial surface of the iliopsoas tendon or the trochanter, whichever
is nearer (Torriani et al., AJR 2009;193:186, doi:10.2214/AJR.08.2090).

Coordinates are those of one hip, mm: x lateral and y posterior from the middle of the body, z
towards the head from the level where both spaces are narrowest.  The line of the ischiofemoral
space at that level points along :data:`ACROSS`, from ischium to femur.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final, NamedTuple

import numpy as np

from ifi_mri.errors import ConfigError
from ifi_mri.phantom.shapes import (
    XY,
    Array,
    Gap,
    Path,
    Union,
    Within,
    as_path,
    evenly_spaced,
    gap,
    moved,
    rotated,
)
from ifi_mri.vocabulary import LandmarkName

#: Widths in mm that the phantom can be built with.  Published means span 11 to 29 (IFS) and 5 to
#: 19 (QFS) (evidence document, section 2.3); beyond these the anatomy no longer holds together.
IFS_RANGE_MM: Final = (4.0, 45.0)
QFS_RANGE_MM: Final = (2.0, 35.0)
#: QFS less IFS, mm.  Tendons thicker than the lower bound do not fit the space; a QFS above IFS
#: occurs only where the hamstring origin lies behind the tip of the tuberosity.
QFS_LESS_IFS_RANGE_MM: Final = (-16.0, 3.0)
OEDEMA_RATIO_RANGE: Final = (1.0, 10.0)

#: Extent that oedema gets where only its ratio is asked for: more than half of the muscle, so that
#: the median signal is that of oedema.
DEFAULT_OEDEMA_EXTENT: Final = 0.7

#: The lesser trochanter is 21 to 23 mm tall (evidence document, section 8).
TROCHANTER_HALF_HEIGHT_MM: Final = 11.0
#: The trochanter is this much lower at its upper and lower end than at its tip.
TROCHANTER_RETRACTION_MM: Final = 5.0
#: Quadratus femoris is about 5 cm tall: 25 cm3 over 4.8 cm2 (evidence document, section 8).
QUADRATUS_HALF_HEIGHT_MM: Final = 24.0

#: From ischium to femur, and at a right angle to it, lateral and backwards.  In axial images the
#: trochanter lies in front of and lateral to the tuberosity.
ACROSS: Final[XY] = rotated((1.0, 0.0), -40.0)
ALONG: Final[XY] = rotated(ACROSS, 90.0)
#: From the tip of the lesser trochanter into the shaft.
TROCHANTER_AXIS: Final[XY] = rotated((1.0, 0.0), -27.0)
#: Middle of the ischiofemoral space; ischium and femur move away from it by half a change each.
MIDDLE: Final[XY] = (70.0, 33.0)

_ISCHIUM_RADIUS = 7.0
_ISCHIUM_CORE: tuple[XY, ...] = (
    (0.0, 0.0),
    (-11.0, 11.0),
    (-20.0, 10.0),
    (-23.0, -3.0),
    (-17.0, -13.0),
)
_TROCHANTER_RADIUS = 6.0
_TROCHANTER_LENGTH = 19.0
_TROCHANTER_BASE_BEHIND = 9.0
_TROCHANTER_BASE_RADIUS = 10.0
_SHAFT_RADIUS = 15.0
_GONE_INTO_SHAFT = 2.1
_FILLET = 3.0
_ILIOPSOAS_RADIUS = 2.0
_ILIOPSOAS_HALF_LENGTH = 3.5
_ILIOPSOAS_PROTRUSION = 1.8
_ILIOPSOAS_TURN_DEG = -25.0
_HAMSTRING_RADIUS = 5.5
_HAMSTRING_LENGTH = 8.0
_HAMSTRING_BEHIND = 8.0
_FAT_PLANE = 0.7
_MUSCLE_RADIUS = 6.0
_MUSCLE_VERTICES = 64
_MUSCLE_GRID = 0.25


@dataclass(frozen=True, slots=True)
class HipSpec:
    """What one hip of the phantom shall be like.

    Attributes
    ----------
    ifs_mm, qfs_mm : float
        Ischiofemoral and quadratus femoris space on the narrowest slice.  A QFS that is not said
        is 7/11 of the IFS, about the ratio of the published means.
    oedema_ratio : float
        Signal of the oedematous part of quadratus femoris over that of normal muscle, on the
        fluid-sensitive series.
    oedema_extent : float or None
        Oedematous fraction of the muscle's cross-section, the same on every slice, hence also of
        its volume.  None: 0.7 where the ratio is above 1, else 0.
    slice_offset : int
        How many slices above the middle slice of the stack the narrowest one lies.

    Raises
    ------
    ConfigError
        A value is out of range, or the spaces do not go together.
    """

    ifs_mm: float = 22.0
    qfs_mm: float = None  # type: ignore[assignment]  # never None once made
    oedema_ratio: float = 1.0
    oedema_extent: float | None = None
    slice_offset: int = 0

    def __post_init__(self) -> None:
        _check("IFS", self.ifs_mm, IFS_RANGE_MM, "mm")
        if self.qfs_mm is None:
            object.__setattr__(self, "qfs_mm", _usual_qfs_mm(self.ifs_mm))
        _check("QFS", self.qfs_mm, QFS_RANGE_MM, "mm")
        low, high = (self.ifs_mm + bound for bound in QFS_LESS_IFS_RANGE_MM)
        if not low <= self.qfs_mm <= high:
            raise ConfigError(
                f"phantom: a quadratus femoris space of {self.qfs_mm:g} mm does not go with an "
                f"ischiofemoral space of {self.ifs_mm:g} mm; expected {max(low, 2):g} to {high:g} "
                "mm. Change --qfs-mm or --ifs-mm."
            )
        _check("oedema ratio", self.oedema_ratio, OEDEMA_RATIO_RANGE, "")
        if self.oedema_extent is not None:
            _check("oedema extent", self.oedema_extent, (0.0, 1.0), "")

    @property
    def extent(self) -> float:
        """Oedematous fraction of the muscle."""
        if self.oedema_extent is not None:
            return self.oedema_extent
        return DEFAULT_OEDEMA_EXTENT if self.oedema_ratio > 1 else 0.0


def _usual_qfs_mm(ifs_mm: float) -> float:
    """Return a QFS that goes with an IFS: the pooled means are 26.0 and 16.0 mm in controls, 14.9
    and 9.6 mm in patients (Singer 2015; evidence document, section 2.3)."""
    least = max(ifs_mm + QFS_LESS_IFS_RANGE_MM[0], QFS_RANGE_MM[0])
    return max(round(ifs_mm * 7 / 11, 1), least)


def _check(name: str, value: float, bounds: tuple[float, float], unit: str) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise ConfigError(
            f"phantom: {name} is {value:g}{' ' * bool(unit)}{unit}; expected {low:g} to {high:g}"
            f"{' ' * bool(unit)}{unit}. Choose a value in that range."
        )


class Rounded(NamedTuple):
    """A core grown by a radius."""

    core: Path
    radius: float


@dataclass(frozen=True)
class HipAnatomy:
    """The shapes of one hip; made by :func:`build_hip`.

    ``hamstring_tip`` is the middle of the rounded end of the hamstring origin, along
    :data:`ACROSS` from the middle of the space.
    """

    spec: HipSpec
    hamstring_tip: float

    # --- bones and tendons ---

    @property
    def ischium(self) -> Rounded:
        """Ischial tuberosity; the same on all slices."""
        apex = moved(MIDDLE, (-self.spec.ifs_mm / 2 - _ISCHIUM_RADIUS, ACROSS))
        corners = [(apex[0] + x, apex[1] + y) for x, y in _ISCHIUM_CORE]
        return Rounded(as_path(corners, closed=True), _ISCHIUM_RADIUS)

    @property
    def shaft_middle(self) -> XY:
        """Middle of the femoral shaft."""
        return moved(self._trochanter_tip(0.0), (_TROCHANTER_LENGTH, TROCHANTER_AXIS))

    def _trochanter_tip(self, z: float) -> XY:
        """Middle of the rounded tip of the lesser trochanter."""
        tip = moved(MIDDLE, (self.spec.ifs_mm / 2 + _TROCHANTER_RADIUS, ACROSS))
        return moved(tip, (_retraction(z), TROCHANTER_AXIS))

    def trochanter(self, z: float) -> Rounded:
        """Lesser trochanter: from its tip to the middle of the shaft."""
        return Rounded(as_path([self._trochanter_tip(z), self.shaft_middle]), _TROCHANTER_RADIUS)

    def femur(self, z: float) -> Union:
        """Shaft, both trochanters."""
        middle = self.shaft_middle
        greater = (middle[0] + 8.0, middle[1] + 5.0)
        trochanter = self.trochanter(z)
        base = moved(self._trochanter_tip(z), (_TROCHANTER_BASE_BEHIND, TROCHANTER_AXIS))
        parts = (
            (as_path([middle]), _SHAFT_RADIUS),
            (as_path([greater]), 10.0),
            (as_path([base]), _TROCHANTER_BASE_RADIUS),
            (trochanter.core, trochanter.radius),
        )
        return Union(parts, _FILLET)

    def iliopsoas(self, z: float) -> Rounded:
        """Iliopsoas tendon where it reaches the front of the trochanter's tip."""
        normal = rotated((-ACROSS[0], -ACROSS[1]), -_ILIOPSOAS_TURN_DEG)
        tangent = rotated(normal, 90.0)
        reach = _TROCHANTER_RADIUS + _ILIOPSOAS_PROTRUSION - _ILIOPSOAS_RADIUS
        middle = moved(self._trochanter_tip(z), (reach, normal))
        ends = [moved(middle, (s * _ILIOPSOAS_HALF_LENGTH, tangent)) for s in (-1, 1)]
        return Rounded(as_path(ends), _ILIOPSOAS_RADIUS)

    @property
    def hamstring(self) -> Rounded:
        """Hamstring origin on the posterolateral face of the tuberosity, long enough for it."""
        apex = -self.spec.ifs_mm / 2 - _ISCHIUM_RADIUS
        tail = min(self.hamstring_tip - _HAMSTRING_LENGTH, apex - 1)
        ends = [_local(self.hamstring_tip, _HAMSTRING_BEHIND), _local(tail, _HAMSTRING_BEHIND)]
        return Rounded(as_path(ends), _HAMSTRING_RADIUS)

    # --- the spaces ---

    def has_trochanter(self, z: float) -> bool:
        """Return whether the lesser trochanter reaches a height, and the spaces with it."""
        return abs(z) <= TROCHANTER_HALF_HEIGHT_MM

    def ischiofemoral_space(self, z: float) -> Gap:
        """Return the true ischiofemoral space on a slice."""
        return gap(*self.ischium, *self.trochanter(z))

    def quadratus_femoris_space(self, z: float) -> tuple[Gap, LandmarkName]:
        """Return the true quadratus femoris space on a slice, and which landmark it ends at."""
        to_tendon = gap(*self.hamstring, *self.iliopsoas(z))
        to_bone = gap(*self.hamstring, *self.trochanter(z))
        if to_bone.distance_mm < to_tendon.distance_mm:
            return to_bone, LandmarkName.LESSER_TROCHANTER
        return to_tendon, LandmarkName.ILIOPSOAS_TENDON

    # --- quadratus femoris ---

    def has_quadratus(self, z: float) -> bool:
        """Return whether quadratus femoris reaches a height."""
        return abs(z) <= QUADRATUS_HALF_HEIGHT_MM

    @cached_property
    def quadratus(self) -> Path:
        """Outline of quadratus femoris, the same on all its slices.

        A band from the ischium behind the trochanter to the back of the femur that leaves a plane
        of fat to every neighbour at the level where they come closest.
        """
        outline = _zero_outline(self._quadratus_distance, _band(self).box)
        return Path(evenly_spaced(outline, _MUSCLE_VERTICES), closed=True)

    def _quadratus_distance(self, x: Array, y: Array) -> Array:
        """Return a function whose zero is the muscle's edge."""
        distance = _band(self).distance(x, y) - _MUSCLE_RADIUS
        neighbours: list[tuple[Path | Union, float]] = [
            self.ischium, self.hamstring, self.iliopsoas(0.0), (self.femur(0.0), 0.0),
        ]  # fmt: skip
        for core, radius in neighbours:
            distance = np.maximum(distance, radius + _FAT_PLANE - core.distance(x, y))
        return distance

    @cached_property
    def oedema(self) -> Within | None:
        """The oedematous part of the muscle: all of it within some radius of the narrowest place,
        where impingement shows (evidence document, section 5.1)."""
        extent = self.spec.extent
        if extent == 0 or self.spec.oedema_ratio == 1:
            return None
        area = extent * self.quadratus.area_mm2()

        def too_much(radius: float) -> bool:
            return Within(self.quadratus, MIDDLE, radius).area_mm2() > area

        return Within(self.quadratus, MIDDLE, _bisected(too_much, 0.0, 100.0))

    @property
    def sciatic_nerve(self) -> Rounded:
        """Sciatic nerve, behind quadratus femoris and lateral to the hamstring origin."""
        ends = [_local(self.hamstring_tip - 2.0, 22.0), _local(self.hamstring_tip + 2.0, 24.5)]
        return Rounded(as_path(ends), 2.6)


def _retraction(z: float) -> float:
    """Return how far the trochanter's tip lies back at a level; grows with the square of z."""
    height_2 = (z / TROCHANTER_HALF_HEIGHT_MM) ** 2
    return TROCHANTER_RETRACTION_MM * min(height_2, _GONE_INTO_SHAFT)


def _local(across: float, along: float) -> XY:
    """Return the position at distances along ACROSS and ALONG from the middle of the space."""
    return moved(MIDDLE, (across, ACROSS), (along, ALONG))


def _band(hip: HipAnatomy) -> Path:
    """Return the middle line of quadratus femoris, from ischium to the back of the femur."""
    shaft = hip.shaft_middle
    tuberosity = -hip.spec.ifs_mm / 2
    return as_path(
        [
            _local(tuberosity + 4.0, -10.0),
            _local(0.0, 3.0),
            (shaft[0] - 1.0, shaft[1] + 20.0),
            (shaft[0] + 8.0, shaft[1] + 19.0),
        ]
    )


def _zero_outline(distance: Callable[[Array, Array], Array], box: tuple[float, ...]) -> Array:
    """Return the longest closed zero outline of a function, shape (n, 2)."""
    from skimage.measure import find_contours

    margin = _MUSCLE_RADIUS + 1
    x = np.arange(box[0] - margin, box[1] + margin, _MUSCLE_GRID)
    y = np.arange(box[2] - margin, box[3] + margin, _MUSCLE_GRID)
    contours = find_contours(distance(x, y), 0.0)  # type: ignore[no-untyped-call]
    longest = max(contours, key=len)[:-1]
    return np.stack(
        [x[0] + _MUSCLE_GRID * longest[:, 1], y[0] + _MUSCLE_GRID * longest[:, 0]], axis=1
    )


def _bisected(too_much: Callable[[float], bool], low: float, high: float) -> float:
    """Return the largest value that is not too much, to the last bit."""
    for _ in range(64):
        middle = (low + high) / 2
        low, high = (low, middle) if too_much(middle) else (middle, high)
    return low


@cache
def build_hip(spec: HipSpec) -> HipAnatomy:
    """Return the anatomy of one hip with exactly the spaces that ``spec`` asks for.

    The trochanter stands ``ifs_mm`` from the ischium along :data:`ACROSS`; the hamstring origin is
    then slid along the face of the ischium until it is ``qfs_mm`` from what is nearest at the
    femur.
    """

    def too_near(tip: float) -> bool:
        return HipAnatomy(spec, tip).quadratus_femoris_space(0.0)[0].distance_mm < spec.qfs_mm

    hip = HipAnatomy(spec, _bisected(too_near, -60.0, spec.ifs_mm / 2))
    found = (
        hip.ischiofemoral_space(0.0).distance_mm,
        hip.quadratus_femoris_space(0.0)[0].distance_mm,
    )
    if not all(
        math.isclose(a, b, abs_tol=1e-6)
        for a, b in zip(found, (spec.ifs_mm, spec.qfs_mm), strict=True)
    ):
        raise ConfigError(
            f"phantom: spaces of {spec.ifs_mm:g} and {spec.qfs_mm:g} mm cannot be built; the "
            f"nearest are {found[0]:.2f} and {found[1]:.2f} mm. Bring --qfs-mm nearer to --ifs-mm."
        )
    return hip
