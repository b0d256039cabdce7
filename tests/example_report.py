"""A report built by hand, and small images that its pictures are cut from.

Nothing here is computed by the rooms under test but what must agree with the pixels: the threshold
and counts of the signal.  Left is narrowed with oedema signal, right is wide without.  The slices
are 5.7 degrees oblique, the pixels are not square, and the two series have different grids.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from ifi_mri import geometry
from ifi_mri.model import (
    Caution,
    CompetingSource,
    DiagnosticSummary,
    Finding,
    Grid,
    InputFile,
    Instance,
    Landmark,
    Measurement,
    NotMeasured,
    Observation,
    Outline,
    Patient,
    Point,
    Position,
    ProfileFlag,
    Report,
    Series,
    SeriesChoice,
    SideSummary,
    SliceValue,
    Study,
    Volume,
)
from ifi_mri.vocabulary import (
    Answer,
    FindingName,
    HipRotation,
    LandmarkName,
    MeasurementName,
    ObservationName,
    Role,
    Side,
    Status,
)

STUDY_UID = "1.2.826.0.1.3680043.10.99.1"
ANATOMY_UID = f"{STUDY_UID}.1"
FLUID_UID = f"{STUDY_UID}.2"
FRAME_UID = f"{STUDY_UID}.9"
PATIENT = Patient(name="SECRETNAME^JANE", patient_id="PID-4711", birth_date=date(1971, 3, 5))

#: Sine and cosine of 5.7 degrees from a Pythagorean triple: the same bits on every machine.
SIN, COS = 40 / 401, 399 / 401
SLICE_STEP = np.array([0.0, -5.0 * SIN, 5.0 * COS])
ROW_DIRECTION = np.array([0.0, COS, SIN])
COLUMN_DIRECTION = np.array([1.0, 0.0, 0.0])


def affine_of(rows_mm: float, columns_mm: float, corner: Sequence[float]) -> np.ndarray:
    """Return an affine of axial slices tilted by 5.7 degrees."""
    affine = np.eye(4)
    affine[:3, 0] = SLICE_STEP
    affine[:3, 1] = ROW_DIRECTION * rows_mm
    affine[:3, 2] = COLUMN_DIRECTION * columns_mm
    affine[:3, 3] = corner
    return affine


ANATOMY_GRID = Grid.from_affine(affine_of(1.5, 1.25, (-175.0, -110.0, -60.0)), (6, 150, 281))
FLUID_GRID = Grid.from_affine(affine_of(1.75, 1.75, (-174.0, -108.0, -59.9)), (6, 128, 200))


def in_slice(x: float, y: float, index: int) -> Point:
    """Return the position on a slice of the anatomy series at x mm to the left and y mm along the
    rows, counted from the middle of the body."""
    origin = ANATOMY_GRID.affine[:3, 3] * (0.0, 1.0, 1.0) + index * SLICE_STEP
    position = origin + COLUMN_DIRECTION * x + ROW_DIRECTION * (y + 110.0)
    return tuple(round(float(value), 6) for value in position)  # type: ignore[return-value]


def sop_uid(series_uid: str, index: int) -> str:
    """Return the SOP Instance UID of a slice."""
    return f"{series_uid}.{index + 1}"


# --- images -------------------------------------------------------------------------------------


def series(uid: str, grid: Grid, number: int, description: str, **technique: object) -> Series:
    """Return a series of the example study."""
    instances = tuple(
        Instance(
            path=Path(f"{number}/{index}.dcm"),
            sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
            sop_instance_uid=sop_uid(uid, index),
            frame=None,
            position_mm=tuple(float(v) for v in grid.affine[:3, 3] + index * SLICE_STEP),  # type: ignore[arg-type]
            number=index + 1,
        )
        for index in range(grid.shape[0])
    )
    described = Series(
        series_uid=uid,
        study_uid=STUDY_UID,
        label=f"series {number} ({description})",
        description=description,
        format="dicom",
        modality="MR",
        frame_of_reference_uid=FRAME_UID,
        grid=grid,
        instances=instances,
        number=number,
        slice_thickness_mm=4.0,
        field_strength_t=1.5,
        patient_position="HFS",
        manufacturer="Example",
        manufacturer_model="One",
    )
    return replace(described, **technique)  # type: ignore[arg-type]


ANATOMY = series(
    ANATOMY_UID,
    ANATOMY_GRID,
    3,
    "AX T1 TSE",
    repetition_time_ms=600.0,
    echo_time_ms=11.0,
    scanning_sequence=("SE",),
)
FLUID = series(
    FLUID_UID,
    FLUID_GRID,
    5,
    "AX T2 FS",
    repetition_time_ms=3200.0,
    echo_time_ms=62.0,
    fat_suppression="scan option FS",
    scan_options=("FS",),
    cautions=(Caution("large_pixels", "Pixels of 1.75 mm are coarse for this measurement."),),
)


def study() -> Study:
    """Return the study, with a patient whose name no report may show."""
    return Study(
        study_uid=STUDY_UID,
        root=Path("somewhere"),
        series=(ANATOMY, FLUID),
        study_date=date(2026, 1, 31),
        patient=PATIENT,
    )


def _ellipse(grid: Grid, x: float, y: float, half_x: float, half_y: float) -> np.ndarray:
    """Return which pixels of a slice lie in an ellipse around a place in the body."""
    columns = grid.affine[0, 3] + grid.affine[0, 2] * np.arange(grid.shape[2])
    spacing = grid.pixel_spacing_mm[0]
    rows = (grid.affine[1, 3] - 0.0) + spacing * np.arange(grid.shape[1])
    return ((columns[None] - x) / half_x) ** 2 + ((rows[:, None] - y) / half_y) ** 2 <= 1


def voxels_of(which: Series) -> np.ndarray:
    """Return the voxels of a series: a body with femora, ischia and muscle, the same on every
    slice but for noise and the oedema of the left quadratus femoris."""
    grid = which.grid
    assert grid is not None
    fluid = which.series_uid == FLUID_UID
    fat, muscle, bone, cortex, bladder, oedema = (
        (60, 100, 60, 15, 600, 330) if fluid else (700, 180, 600, 20, 150, 180)
    )
    one = np.zeros(grid.shape[1:])
    one[_ellipse(grid, 0, 0, 160, 95)] = fat
    one[_ellipse(grid, 0, 0, 148, 80)] = muscle
    one[_ellipse(grid, 0, -25, 30, 24)] = bladder
    for x, y, radius in ((100, -8, 19), (62, 14, 15), (-110, -10, 19), (-56, 18, 15)):
        one[_ellipse(grid, x, y, radius, radius)] = cortex
        one[_ellipse(grid, x, y, radius - 3, radius - 3)] = bone
    every = np.repeat(one[None], grid.shape[0], axis=0)
    every[2:4, _ellipse(grid, 96, 21, 9, 5)] = oedema
    noise = np.random.Generator(np.random.PCG64(7)).integers(-14, 15, every.shape)
    return np.maximum(every + noise, 0).astype(np.float32)


def volume_of(which: Series) -> Volume:
    """Return a series with its voxels."""
    assert which.grid is not None
    voxels = voxels_of(which)
    voxels.flags.writeable = False
    return Volume(
        voxels=voxels,
        affine=which.grid.affine,
        frame_of_reference_uid=FRAME_UID,
        series_uid=which.series_uid,
        instances=which.instances,
    )


_VOLUMES = {which.series_uid: volume_of(which) for which in (ANATOMY, FLUID)}


def open_volume(which: Series, near: Sequence[Point]) -> Volume:
    """Return the volume of a series as a loader would."""
    assert near
    return _VOLUMES[which.series_uid]


# --- what the reader marked ---------------------------------------------------------------------


def outline(x: float, y: float, half_x: float, half_y: float, index: int) -> Outline:
    """Return an ellipse of 16 vertices on a slice."""
    turns = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return tuple(
        in_slice(x + half_x * np.cos(turn), y + half_y * np.sin(turn), index) for turn in turns
    )


def muscle_outline(side: Side, index: int) -> Outline:
    """Return the outline of quadratus femoris."""
    return outline(side.sign * 96, 22, 21, 8, index)


def reference_outline(side: Side, index: int) -> Outline:
    """Return the outline of the reference muscle."""
    return outline(side.sign * 88, 52, 26, 8, index)


#: Ends of both spaces on slices 2 and 3: tuberosity, trochanter, hamstring, iliopsoas; mm in the
#: plane, x to the side of the hip.
ENDS = {
    Side.LEFT: {
        2: ((76, 11), (89, 5), (79, 18), (86, 16)),
        3: ((75, 12), (89, 4), (77, 19), (88, 15)),
    },
    Side.RIGHT: {
        2: ((69, 11), (93, -1), (74, 22), (94, 12)),
        3: ((70, 11), (92, -1), (73, 23), (95, 12)),
    },
}
END_NAMES = (
    LandmarkName.ISCHIAL_TUBEROSITY,
    LandmarkName.LESSER_TROCHANTER,
    LandmarkName.HAMSTRING_ORIGIN,
    LandmarkName.ILIOPSOAS_TENDON,
)
SIGNAL_SLICES = (2, 3)


def landmarks(side: Side) -> tuple[Landmark, ...]:
    """Return the landmarks of one side."""
    ends = [
        Landmark(
            name,
            side,
            (in_slice(side.sign * x, y, index),),
            sop_instance_uid=sop_uid(ANATOMY_UID, index),
        )
        for index, places in ENDS[side].items()
        for name, (x, y) in zip(END_NAMES, places, strict=True)
    ]
    regions = [
        Landmark(name, side, vertices(side, index), closed=True)
        for index in SIGNAL_SLICES
        for name, vertices in (
            (LandmarkName.QUADRATUS_FEMORIS, muscle_outline),
            (LandmarkName.REFERENCE_MUSCLE, reference_outline),
        )
    ]
    return (*ends, *regions)


# --- what was measured --------------------------------------------------------------------------


def _position(index: int) -> float:
    return round(
        geometry.position_along_normal_mm(
            ANATOMY_GRID.affine, ANATOMY_GRID.affine[:3, 3] + index * SLICE_STEP
        ),
        6,
    )


def space(name: MeasurementName, side: Side) -> Measurement:
    """Return one of the two spaces of a side."""
    first = 0 if name is MeasurementName.ISCHIOFEMORAL_SPACE else 2
    per_slice = []
    for index, places in ENDS[side].items():
        ends = tuple(in_slice(side.sign * x, y, index) for x, y in places[first : first + 2])
        per_slice.append(
            SliceValue(
                value=round(float(np.linalg.norm(np.subtract(*ends))), 6),
                slice_position_mm=_position(index),
                sop_instance_uid=sop_uid(ANATOMY_UID, index),
                points_mm=ends,
                instance_number=index + 1,
            )
        )
    narrowest = min(per_slice, key=lambda value: value.value)
    near, far = END_NAMES[first], END_NAMES[first + 1]
    return Measurement(
        name=name,
        side=side,
        value=narrowest.value,
        unit="mm",
        sd=1.06066,
        interval_95=(
            round(narrowest.value - 2.078856, 6),
            round(narrowest.value + 2.078856, 6),
        ),
        method=f"smallest in-plane distance from {near} to {far}, smallest of 2 slices",
        points_mm=narrowest.points_mm,
        sop_instance_uid=narrowest.sop_instance_uid,
        n_slices=2,
        per_slice=tuple(per_slice),
        series_uid=ANATOMY_UID,
        details=(
            ("near_landmark", str(near)),
            ("far_landmark", str(far)),
            ("landmark_sd_mm", 0.75),
        ),
    )


Details = tuple[tuple[str, float | int | str], ...]

THRESHOLD_RATIO = 1.3

HOW_IT_WAS_READ: Details = (
    ("n_pixels", 200),
    ("n_reference_pixels", 150),
    ("erosion_pixels", 1),
    ("plain_ratio", 1.9),
    ("shading_applied", "yes"),
    ("shading_order", 1),
    ("shading_gain", 0.97),
    ("shading_gain_sd", 0.01),
    ("snr", 18.4),
    ("noise_floor_subtracted", "no"),
    ("shift_right_sd_mm", 0.2),
    ("shift_down_sd_mm", 0.3),
    ("shift_x_mm", -1.4),
    ("shift_y_mm", 0.2),
    ("shift_z_mm", 0.0),
    ("shift_significant", "yes"),
    ("shift_beyond_search", "no"),
    ("shift_applied", "no"),
    ("fat_over_muscle", 0.4),
    ("fat_over_muscle_low", 0.3),
    ("fat_over_muscle_high", 0.5),
    ("fat_suppression_lost", "no"),
)

#: A field that falls towards the back by 3 % in 40 mm; what the picture of the left shows.
FIELD: Details = (
    ("field_x_mm", 70.0),
    ("field_y_mm", 30.0),
    ("field_z_mm", -48.0),
    ("field_scale_mm", 40.0),
    ("field_log_level", 0.0),
    ("field_u", 0.0),
    ("field_v", 0.0),
)

WHAT_WAS_FOUND: dict[Side, Details] = {
    Side.LEFT: (
        ("threshold_sd", 3.0),
        ("threshold_ratio", THRESHOLD_RATIO),
        ("reference_spread", 0.1),
        ("fraction_above_threshold", 0.24),
        ("chance_fraction", 0.00135),
        ("raised_ratio", 2.41),
        ("raised_ratio_low", 2.3),
        ("raised_ratio_high", 2.52),
        ("grade", 2),
        ("grade_low", 1),
        ("grade_high", 2),
        ("grade_probability", 0.88),
        ("spread_beyond_muscle", "no"),
        ("zone", "belly at the narrowest place"),
        ("distance_from_space_mm", 3.2),
        ("distance_from_space_mm_low", 2.1),
        ("distance_from_space_mm_high", 4.3),
        ("level_above_space_mm", -1.2),
        ("share_to_femur", 0.5),
        *FIELD,
    ),
    Side.RIGHT: (
        ("threshold_sd", 3.0),
        ("threshold_ratio", THRESHOLD_RATIO),
        ("reference_spread", 0.1),
        ("fraction_above_threshold", 0.0),
        ("chance_fraction", 0.00135),
        ("grade", 0),
        ("grade_low", 0),
        ("grade_high", 0),
        ("grade_probability", 0.999),
        ("spread_beyond_muscle", "no"),
    ),
}


def signal(side: Side) -> tuple[Measurement, ...]:
    """Return ratio, fraction, largest fraction and volume of a side, from the example's pixels."""
    volume = _VOLUMES[FLUID_UID]
    shape = volume.voxels.shape[1:]
    per_slice, ratios, fractions, counts = [], [], [], []
    for index in SIGNAL_SLICES:
        inside, around = (
            geometry.eroded(geometry.pixels_inside(vertices, volume.affine, shape), 1)
            for vertices in (muscle_outline(side, index), reference_outline(side, index))
        )
        values, reference = (volume.voxels[index][mask].astype(float) for mask in (inside, around))
        level = round(float(np.median(reference)), 6)
        n_above = int((values / level > THRESHOLD_RATIO).sum())
        counts.append(n_above)
        ratios.append(float(np.median(values) / np.median(reference)))
        fractions.append(n_above / len(values))
        per_slice.append(
            SliceValue(
                value=0.0,
                slice_position_mm=_position(index),
                sop_instance_uid=sop_uid(FLUID_UID, index),
                points_mm=muscle_outline(side, index),
                instance_number=index + 1,
                details=(
                    ("reference_level", level),
                    ("n_pixels", len(values)),
                    ("n_reference_pixels", len(reference)),
                    ("n_above", n_above),
                    ("erosion_pixels", 1),
                ),
            )
        )
    shown = per_slice[int(np.argmax(counts))]

    def one(
        name: MeasurementName,
        unit: str,
        value: float,
        sd: float,
        values: Sequence[float],
        how: str,
        details: Details = (("n_pixels", 200),),
    ) -> Measurement:
        return Measurement(
            name=name,
            side=side,
            value=round(value, 6),
            unit=unit,
            sd=sd,
            interval_95=(round(max(0.0, value - 1.96 * sd), 6), round(value + 1.96 * sd, 6)),
            method=how,
            points_mm=shown.points_mm,
            sop_instance_uid=shown.sop_instance_uid,
            n_slices=2,
            per_slice=tuple(
                replace(kept, value=round(found, 6))
                for kept, found in zip(per_slice, values, strict=False)
            ),
            series_uid=FLUID_UID,
            details=details,
        )

    above = "voxels above the reference level + 3 spreads"
    fraction = float(np.mean(fractions))
    return (
        one(
            MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
            "1",
            float(np.mean(ratios)),
            0.02,
            ratios,
            "median quadratus femoris signal over median reference muscle signal",
            HOW_IT_WAS_READ,
        ),
        one(
            MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
            "1",
            fraction,
            0.01,
            fractions,
            f"{above} over all voxels of quadratus femoris",
            WHAT_WAS_FOUND[side],
        ),
        one(
            MeasurementName.QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION,
            "1",
            fraction * 0.98,
            0.01,
            (),
            f"largest connected group of {above}",
        ),
        one(
            MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML,
            "ml",
            sum(counts) * 1.75 * 1.75 * 5 / 1000,
            0.05,
            [count * 1.75 * 1.75 * 5 / 1000 for count in counts],
            f"volume of {above}",
        ),
    )


def measurements(side: Side) -> tuple[Measurement, ...]:
    """Return everything that is measured on one side."""
    return (
        space(MeasurementName.ISCHIOFEMORAL_SPACE, side),
        space(MeasurementName.QUADRATUS_FEMORIS_SPACE, side),
        *signal(side),
    )


# --- what it means ------------------------------------------------------------------------------

SINGER = "Singer 2015, Ischiofemoral impingement syndrome: a meta-analysis, Skeletal Radiol 2015"
TORRIANI = "Torriani 2009, AJR 2009;193:186-190, doi:10.2214/AJR.08.2090"

#: Status and probability of each space, grade of the muscle, by side.
JUDGED = {
    Side.LEFT: ((Status.INDETERMINATE, 0.739211), (Status.PRESENT, 0.994849), 2),
    Side.RIGHT: ((Status.ABSENT, 0.0), (Status.ABSENT, 0.0), 0),
}


def findings(side: Side) -> tuple[Finding, ...]:
    """Return the findings of one side."""
    ischiofemoral, quadratus, grade = JUDGED[side]
    made = []
    for name, measured, (status, probability), cutoff in (
        (
            FindingName.ISCHIOFEMORAL_SPACE_NARROWING,
            MeasurementName.ISCHIOFEMORAL_SPACE,
            ischiofemoral,
            15.0,
        ),
        (
            FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING,
            MeasurementName.QUADRATUS_FEMORIS_SPACE,
            quadratus,
            10.0,
        ),
    ):
        value = space(measured, side).value
        made.append(
            Finding(
                name=name,
                side=side,
                status=status,
                because=f"{value:.1f} mm against the cut-off of {cutoff} mm (singer2015).",
                profile="singer2015",
                cutoff=cutoff,
                at_or_below_cutoff=value <= cutoff,
                probability=probability,
                evidence=(measured,),
            )
        )
    made.append(
        Finding(
            name=FindingName.QUADRATUS_FEMORIS_OEDEMA,
            side=side,
            status=Status.PRESENT if grade else Status.ABSENT,
            because=f"raised signal against the reference muscle (grade {grade}).",
            profile="ifi_mri_proposal",
            grade=grade,
            reader_grade=1 if side is Side.LEFT else None,
            grade_range=(1, 2) if grade else (0, 0),
            agrees_with_reader=False if side is Side.LEFT else None,
            thresholds_validated=False,
            evidence=(
                MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
                MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
            ),
        )
    )
    return tuple(made)


def flags(side: Side) -> tuple[ProfileFlag, ...]:
    """Return the flag under two profiles."""
    return tuple(
        ProfileFlag(
            profile=profile,
            name=name,
            side=side,
            cutoff=cutoff,
            at_or_below_cutoff=space(measured, side).value <= cutoff,
            citation=citation,
            applies_to="from 18 years",
            verified=profile == "singer2015",
        )
        for profile, citation, cutoffs in (
            ("singer2015", SINGER, (15.0, 10.0)),
            ("torriani2009", TORRIANI, (17.0, 8.0)),
        )
        for name, measured, cutoff in zip(
            (
                FindingName.ISCHIOFEMORAL_SPACE_NARROWING,
                FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING,
            ),
            (MeasurementName.ISCHIOFEMORAL_SPACE, MeasurementName.QUADRATUS_FEMORIS_SPACE),
            cutoffs,
            strict=True,
        )
    )


def side_summary(side: Side) -> SideSummary:
    """Return the summary of one side."""
    if side is Side.LEFT:
        return SideSummary(
            side=side,
            space="narrowed",
            muscle="oedema",
            clinical="supportive",
            sentences=(
                "Space: narrowed (quadratus femoris space narrowed; profile singer2015).",
                "Imaging and clinical features are compatible with ischiofemoral impingement; "
                "other causes remain to be excluded by the clinician.",
            ),
            competing=(
                CompetingSource(
                    "lumbar radiculopathy",
                    ("straight_leg_raise",),
                    "To consider: lumbar radiculopathy (positive straight leg raise).",
                ),
            ),
            missing=("Earlier hip surgery or femoral fracture was not answered.",),
        )
    return SideSummary(
        side=side,
        space="not narrowed",
        muscle="none",
        clinical="not supplied",
        sentences=("Neither narrowing nor oedema signal of quadratus femoris in this position.",),
        competing=(),
        missing=("No clinical intake was supplied.",),
    )


@cache
def report() -> Report:
    """Return the report of both sides."""
    return Report(
        schema_version="1.1",
        report_uid="2.25.123456789012345678901234567890123456",
        case_id="example-1",
        created_at="2026-02-01T09:30:00Z",
        software_name="ifi_mri",
        software_version="0.0.0",
        profile="singer2015",
        config_digest="c" * 64,
        study_uid=STUDY_UID,
        study_date="2026-01-31",
        patient_age_years=54.0,
        patient_sex="F",
        series=(
            SeriesChoice(
                Role.ANATOMY, ANATOMY, "axial spin echo with a short TE, no fat suppression"
            ),
            SeriesChoice(Role.FLUID_SENSITIVE, FLUID, "axial, long TE, fat suppressed"),
        ),
        reader="R1",
        read=2,
        landmarks_status="final",
        position=Position(
            patient_position="HFS",
            hip_rotation=HipRotation.NEUTRAL,
            hip_rotation_deg=None,
            knee_bolster=Answer.UNKNOWN,
            sentence="Supine, head first; hip rotation neutral; knee bolster not recorded.",
        ),
        landmarks=tuple(mark for side in Side for mark in landmarks(side)),
        observations=(Observation(ObservationName.QUADRATUS_FEMORIS_OEDEMA_GRADE, Side.LEFT, 1),),
        measurements=tuple(m for side in Side for m in measurements(side)),
        not_measured=tuple(
            NotMeasured(MeasurementName.ISCHIOFEMORAL_DISTANCE_3D, side, "it was not asked for")
            for side in Side
        ),
        findings=tuple(finding for side in Side for finding in findings(side)),
        profiles=tuple(flag for side in Side for flag in flags(side)),
        cautions=(
            Caution("large_pixels", "Pixels of 1.75 mm are coarse for this measurement."),
            Caution(
                "oedema_discordance",
                "Measured grade 2 and the reader's grade 1 differ.",
                Side.LEFT,
            ),
        ),
        impression=(
            "Left: ischiofemoral space 14.3 mm (95 % interval 12.2 to 16.4), indeterminate under "
            "singer2015 (<= 15.0 mm); quadratus femoris oedema signal present (grade 2, reader's "
            "visual grade 1).",
            "Right: ischiofemoral space 25.1 mm, not narrowed; no quadratus femoris oedema signal.",
            "Left: imaging and clinical features are compatible with ischiofemoral impingement; "
            "other causes remain to be excluded by the clinician.",
            "Measurements and features for interpretation together with the clinical findings; not "
            "a diagnosis.",
        ),
        summary=DiagnosticSummary(
            left=side_summary(Side.LEFT),
            right=side_summary(Side.RIGHT),
            limits=(
                "This is a report of measurements and features; it is not a diagnosis.",
                "Published cut-offs vary, 15 to 18 mm for the ischiofemoral and 7 to 13 mm for the "
                "quadratus femoris space.",
            ),
        ),
        inputs=(
            InputFile("3/3.dcm", "a" * 64, "image"),
            InputFile("landmarks.json", "b" * 64, "landmarks"),
        ),
        provenance=(("python", "3.11"),),
    )


@cache
def without_right_side() -> Report:
    """Return the report of a study in which only the left side was marked."""
    whole = report()
    reason = "no ischial_tuberosity landmark"
    return replace(
        whole,
        landmarks=landmarks(Side.LEFT),
        measurements=measurements(Side.LEFT),
        not_measured=tuple(
            NotMeasured(m.name, Side.RIGHT, reason) for m in measurements(Side.RIGHT)
        ),
        findings=(
            *findings(Side.LEFT),
            *(
                Finding(f.name, Side.RIGHT, Status.NOT_ASSESSABLE, f"not measured: {reason}.")
                for f in findings(Side.RIGHT)
            ),
        ),
        profiles=tuple(
            replace(flag, at_or_below_cutoff=None) if flag.side is Side.RIGHT else flag
            for flag in whole.profiles
        ),
    )


@cache
def without_fluid_series() -> Report:
    """Return the report of a study without a fluid-sensitive series."""
    whole = report()
    reason = "no fat-suppressed fluid-sensitive series"
    kept = [m for m in whole.measurements if m.series_uid == ANATOMY_UID]
    lost = [m for m in whole.measurements if m.series_uid == FLUID_UID]
    return replace(
        whole,
        series=(whole.series[0], SeriesChoice(Role.FLUID_SENSITIVE, None, reason)),
        measurements=tuple(kept),
        not_measured=(
            *whole.not_measured,
            *(NotMeasured(m.name, m.side, reason) for m in lost),
        ),
        findings=tuple(
            replace(
                finding,
                status=Status.NOT_ASSESSABLE,
                because=f"not measured: {reason}.",
                grade=None,
                reader_grade=None,
                evidence=(),
            )
            if finding.name is FindingName.QUADRATUS_FEMORIS_OEDEMA
            else finding
            for finding in whole.findings
        ),
    )


# --- secondary measurements ---------------------------------------------------------------------


def secondary(
    name: MeasurementName,
    side: Side | None,
    value: float,
    unit: str,
    points: Outline = (),
    index: int | None = None,
    **details: str,
) -> Measurement:
    """Return a secondary measurement, on a slice of the anatomy series if ``index`` says which."""
    sd = 0.1 * abs(value)
    uid = None if index is None else sop_uid(ANATOMY_UID, index)
    per_slice = ()
    if index is not None:
        per_slice = (SliceValue(value, _position(index), uid, points, index + 1),)
    return Measurement(
        name=name,
        side=side,
        value=value,
        unit=unit,
        sd=round(sd, 6),
        interval_95=(round(value - 1.96 * sd, 6), round(value + 1.96 * sd, 6)),
        method=f"{name} by hand",
        points_mm=points,
        sop_instance_uid=uid,
        n_slices=1,
        per_slice=per_slice,
        series_uid=ANATOMY_UID if index is not None else None,
        details=tuple(details.items()),
    )


@cache
def with_secondary() -> Report:
    """Return the report with secondary measurements: angle and areas of the left hip, the right hip
    unmarked but for an outline that crosses itself, and what belongs to both sides."""
    whole = report()
    arms = tuple(in_slice(x, y, 2) for x, y in ((44, 6), (64, 6), (78, 21)))
    left = (
        secondary(
            MeasurementName.QUADRATUS_FEMORIS_AREA_MM2,
            Side.LEFT,
            527.8,
            "mm2",
            muscle_outline(Side.LEFT, 2),
            2,
        ),
        secondary(
            MeasurementName.HAMSTRING_TENDON_AREA_MM2,
            Side.LEFT,
            75.4,
            "mm2",
            outline(74, 26, 6, 4, 2),
            2,
        ),
        secondary(
            MeasurementName.ISCHIAL_ANGLE,
            Side.LEFT,
            133.0,
            "deg",
            arms,
            2,
            definition="to the bi-ischial line; construction ours",
        ),
        secondary(
            MeasurementName.NECK_SHAFT_ANGLE,
            Side.LEFT,
            131.4,
            "deg",
            definition="caput-collum-diaphyseal angle, not the femoral neck angle",
        ),
    )
    both = (
        secondary(
            MeasurementName.INTERTUBEROUS_DISTANCE,
            None,
            98.2,
            "mm",
            (in_slice(-49, 12, 2), in_slice(49, 12, 2)),
            2,
            definition="between inner borders",
        ),
        secondary(MeasurementName.SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE, None, -10.8, "mm"),
    )
    unmarked = (
        (MeasurementName.ISCHIAL_ANGLE, Side.RIGHT, "no ischial_axis landmark"),
        (MeasurementName.NECK_SHAFT_ANGLE, Side.RIGHT, "no femoral_neck_axis landmark"),
        (
            MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION,
            None,
            "no femoral_shaft_axis landmark on the right",
        ),
    )
    return replace(
        whole,
        measurements=(*whole.measurements, *left, *both),
        not_measured=(
            *whole.not_measured,
            *(NotMeasured(*one, optional=True) for one in unmarked),
            NotMeasured(
                MeasurementName.HAMSTRING_TENDON_AREA_MM2,
                Side.RIGHT,
                "the hamstring_tendons outline on the slice at -38.7 mm crosses itself; draw it "
                "again",
            ),
        ),
    )
