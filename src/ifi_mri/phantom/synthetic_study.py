"""The phantom: two hips, how they are scanned, the voxels, the landmarks and the truth."""

import json
import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final

from ifi_mri.errors import ConfigError
from ifi_mri.model import LandmarkSet, Volume
from ifi_mri.phantom.hip import HipSpec, build_hip
from ifi_mri.phantom.readings import LandmarkKind, PlacedHip
from ifi_mri.phantom.render import Hips
from ifi_mri.phantom.scan import (
    COVERED_MM,
    THICKNESS_SHARE,
    FluidSequence,
    Scan,
    Triple,
    check_spacing,
    patient_from_slice_frame,
)
from ifi_mri.phantom.series import Scanner, Stack, made_up_uid
from ifi_mri.phantom.truth import describe_grid, describe_hip
from ifi_mri.vocabulary import Role, Side

#: When the landmarks say they were placed; fixed, so that files can be reproduced.
PLACED_AT: Final = "2020-01-01T12:00:00Z"

_DEFAULT_HIP: Final = HipSpec()


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic study whose distances and signals are known; made by :func:`make_phantom`.

    Attributes
    ----------
    left, right : HipSpec or None
        None where the side was not scanned.
    stacks : tuple of Stack
        Every series, in the order of their numbers.
    """

    left: HipSpec | None
    right: HipSpec | None
    scan: Scan
    study_uid: str
    frame_of_reference_uid: str
    stacks: tuple[Stack, ...]

    def spec(self, side: Side) -> HipSpec | None:
        """Return what one side was asked to be like; None where it was not scanned."""
        return self.left if side is Side.LEFT else self.right

    @property
    def only(self) -> Side | None:
        """The side that alone was scanned, if one was."""
        return _only(self.left, self.right)

    def hip(self, side: Side) -> PlacedHip | None:
        """Return the anatomy of one side in its place; None where it was not scanned."""
        spec = self.spec(side)
        if spec is None:
            return None
        return PlacedHip(
            side=side,
            anatomy=build_hip(spec),
            level_mm=spec.slice_offset * self.scan.slice_spacing_mm,
            scan=self.scan,
            patient_from_frame=patient_from_slice_frame(self.scan),
            sop_instance_uids=self.anatomy.sop_instance_uids,
        )

    def stack(self, name: str) -> Stack:
        """Return a series by its protocol's name: ``"anatomy"``, ``"fluid_sensitive"`` ..."""
        for stack in self.stacks:
            if stack.protocol.name == name:
                return stack
        raise ConfigError(f"phantom: there is no series {name!r}. Ask make_phantom for it.")

    @property
    def anatomy(self) -> Stack:
        """The axial T1 series."""
        return self.stack(Role.ANATOMY)

    @property
    def fluid_sensitive(self) -> Stack:
        """The axial fat-suppressed series."""
        return self.stack(Role.FLUID_SENSITIVE)

    def volume(self, role: Role) -> Volume:
        """Return the voxels of the series that plays a role."""
        return self.stack(role).volume(self.frame_of_reference_uid)

    def landmarks(
        self, kind: LandmarkKind = "outlines", *, uids: bool = True, step_deg: float = 2.0
    ) -> LandmarkSet:
        """Return what a reader who never errs would mark, in patient LPS mm.

        Parameters
        ----------
        kind : "outlines" or "points"
            Outlines of bones and tendons on every slice of the lesser trochanter, or only the two
            ends of either space on those slices.  Quadratus femoris and the reference muscle are
            outlined on all slices of quadratus femoris either way.
        uids : bool
            Whether the set names study, series, frame of reference and instances; a NIfTI file
            has none to compare with.
        step_deg : float
            Turn from vertex to vertex on arcs: the outline is within ``radius (1 - cos(step / 2))``
            of the truth, 0.001 mm at 2 degrees.
        """
        marks = [
            mark
            for hip in map(self.hip, Side)
            if hip is not None
            for mark in hip.marks(kind, step_deg)
        ]
        if not uids:
            marks = [replace(mark, sop_instance_uid=None) for mark in marks]
        return LandmarkSet(
            landmarks=tuple(marks),
            study_uid=self.study_uid if uids else None,
            series_uid=self.anatomy.series_uid if uids else None,
            frame_of_reference_uid=self.frame_of_reference_uid if uids else None,
            reader="phantom",
            read=1,
            placed_at=PLACED_AT,
            status="final",
        )

    @cached_property
    def truth(self) -> dict[str, Any]:
        """Everything that is known about the phantom, as plain values for ``truth.json``."""
        anatomy, fluid = self.anatomy, self.fluid_sensitive
        sides = {
            side.value: None if hip is None else describe_hip(hip, anatomy.grid, fluid.grid)
            for side, hip in zip(Side, map(self.hip, Side), strict=True)
        }
        series = {
            stack.protocol.name: {"series_uid": stack.series_uid} | describe_grid(stack.grid)
            for stack in (anatomy, fluid)
        }
        return {
            "synthetic": True,
            "study_uid": self.study_uid,
            "frame_of_reference_uid": self.frame_of_reference_uid,
            "series": series,
            "scan": _plain(self.scan),
            **sides,
        }


def make_phantom(
    left: HipSpec | None = _DEFAULT_HIP,
    right: HipSpec | None = _DEFAULT_HIP,
    *,
    pixel_mm: tuple[float, float] = (0.9, 0.9),
    fluid_pixel_mm: tuple[float, float] | None = None,
    slice_spacing_mm: float = 5.0,
    slice_thickness_mm: float | None = None,
    n_slices: int | None = None,
    pose_deg: Triple = (0.0, 0.0, 0.0),
    offset_mm: Triple = (0.0, 0.0, 0.0),
    snr: float | None = 25.0,
    shading: float = 0.2,
    seed: int = 0,
    fluid_sequence: FluidSequence = "stir",
    coronal: bool = False,
    localizer: bool = False,
) -> Phantom:
    """Make a synthetic study of a pelvis at the level of the ischiofemoral space.

    Parameters
    ----------
    left, right : HipSpec or None
        What each hip shall be like; None leaves it out and shows the other side alone.
    pixel_mm, fluid_pixel_mm : tuple of 2 floats
        Distance between rows and between columns of the anatomy and the fluid-sensitive series;
        the latter is by default 1.25 times the former.
    slice_spacing_mm, slice_thickness_mm, n_slices
        Both series share their slices.  By default a slice is 0.8 of the spacing thick and the
        stack covers 64 mm.
    pose_deg : tuple of 3 floats
        The patient's turns, and the slices' with it, about the patient's left, posterior and
        superior axes, in this order: an oblique acquisition.
    offset_mm : tuple of 3 floats
        Where the middle of the body lies.
    snr : float or None
        Muscle signal over the SD of the Gaussian noise in either channel; None: no noise.
    shading : float
        Brightest less darkest coil sensitivity over the field, as a fraction of their mean.
    seed : int
        Of noise and texture.
    fluid_sequence : "stir" or "t2_fs"
    coronal, localizer : bool
        Whether a coronal T1 series and a localizer are scanned too.

    Returns
    -------
    Phantom

    Raises
    ------
    ConfigError
        A value is out of range, no side is left, or a hip's narrowest slice is not inside the
        stack.
    """
    check_spacing(slice_spacing_mm)
    if fluid_pixel_mm is None:
        fluid_pixel_mm = (1.25 * pixel_mm[0], 1.25 * pixel_mm[-1])
    if slice_thickness_mm is None:
        slice_thickness_mm = THICKNESS_SHARE * slice_spacing_mm
    if n_slices is None:
        n_slices = 1 + math.ceil(COVERED_MM / slice_spacing_mm)
    scan = Scan(
        pixel_mm=pixel_mm,
        fluid_pixel_mm=fluid_pixel_mm,
        slice_spacing_mm=slice_spacing_mm,
        slice_thickness_mm=slice_thickness_mm,
        n_slices=n_slices,
        pose_deg=pose_deg,
        offset_mm=offset_mm,
        snr=snr,
        shading=shading,
        seed=seed,
        fluid_sequence=fluid_sequence,
    )
    _check_sides(left, right, scan)
    identity = json.dumps([_plain(left), _plain(right), _plain(scan)], sort_keys=True)
    scanner = Scanner(_by_sign(left, right, scan), scan, _only(left, right), identity)
    return Phantom(
        left=left,
        right=right,
        scan=scan,
        study_uid=made_up_uid(identity, "study"),
        frame_of_reference_uid=made_up_uid(identity, "frame of reference"),
        stacks=(
            *(scanner.localizer() if localizer else ()),
            *((scanner.coronal(),) if coronal else ()),
            scanner.anatomy(),
            scanner.fluid_sensitive(),
        ),
    )


def _check_sides(left: HipSpec | None, right: HipSpec | None, scan: Scan) -> None:
    if left is None and right is None:
        raise ConfigError("phantom: neither side is to be made; expected left, right or both.")
    for side, spec in ((Side.LEFT, left), (Side.RIGHT, right)):
        if spec is None:
            continue
        narrowest = scan.middle_slice + spec.slice_offset
        if not 1 <= narrowest <= scan.n_slices - 2:
            raise ConfigError(
                f"phantom: the narrowest slice of the {side} hip would be number {narrowest + 1} "
                f"of {scan.n_slices}; expected one with a neighbour on "
                "either side. Choose more slices or a smaller slice offset."
            )


def _plain(settings: HipSpec | Scan | None) -> dict[str, Any] | None:
    return None if settings is None else asdict(settings)


def _only(left: HipSpec | None, right: HipSpec | None) -> Side | None:
    if left is None:
        return Side.RIGHT
    return Side.LEFT if right is None else None


def _by_sign(left: HipSpec | None, right: HipSpec | None, scan: Scan) -> Hips:
    """Return anatomy and level of the hips there are."""
    return {
        side.sign: (build_hip(spec), spec.slice_offset * scan.slice_spacing_mm)
        for side, spec in ((Side.LEFT, left), (Side.RIGHT, right))
        if spec is not None
    }
