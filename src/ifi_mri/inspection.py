"""What a study holds: its series, their geometry, plane, role and every problem.

Of the series that play a role the middle slice is looked at too: which side it shows, and whether
it has a void as metal leaves it.
"""

from collections.abc import Sequence
from typing import Any

from ifi_mri import body, geometry, loaders, plausibility, selection
from ifi_mri.config import Config
from ifi_mri.errors import StudyError
from ifi_mri.landmarks import inside
from ifi_mri.model import Caution, LandmarkSet, Series, SeriesChoice, Study
from ifi_mri.vocabulary import Role


def inspect(
    study: Study,
    choices: Sequence[SeriesChoice],
    config: Config,
    landmarks: LandmarkSet | None = None,
) -> dict[str, Any]:
    """Return the facts about a study as plain values, ready for JSON.

    Parameters
    ----------
    study : Study
    choices : sequence of SeriesChoice
        Which series play which role.
    config : Config
        Whose rules tell a series' weighting.
    landmarks : LandmarkSet, optional
        Then ``landmarks`` says of each how far inside the anatomy series it lies.
    """
    return {
        "study_uid": study.study_uid,
        "study_date": study.study_date.isoformat() if study.study_date else None,
        "n_ignored_files": study.n_ignored_files,
        "series": [_series(series, choices, config) for series in study.series],
        "roles": {
            str(choice.role): {
                "series_uid": choice.series.series_uid if choice.series else None,
                "reason": choice.reason,
            }
            for choice in choices
        },
        "landmarks": None if landmarks is None else _landmarks(landmarks, choices),
        "cautions": _as_values(study.cautions),
    }


def _landmarks(landmarks: LandmarkSet, choices: Sequence[SeriesChoice]) -> list[dict[str, Any]]:
    """Return where each landmark lies in the anatomy series; nothing where there is none."""
    anatomy = next((c.series for c in choices if c.role is Role.ANATOMY and c.series), None)
    if anatomy is None or anatomy.grid is None:
        return []
    return [
        {
            "name": str(nearest.mark.name),
            "side": str(nearest.mark.side),
            "inside": nearest.inside_mm >= -inside.ROUNDING_MM,
            "to_nearest_face_mm": round(nearest.inside_mm, 1),
            "nearest_face": nearest.face,
        }
        for nearest in inside.nearest_faces(landmarks, anatomy.grid)
    ]


def _as_values(cautions: Sequence[Caution]) -> list[dict[str, str]]:
    return [{"code": caution.code, "text": caution.text} for caution in cautions]


def _series(series: Series, choices: Sequence[SeriesChoice], config: Config) -> dict[str, Any]:
    weighted = selection.weighting(series, config)
    role = next((str(c.role) for c in choices if c.series is series), None)
    picture, seen = _picture(series) if role else ({}, [])
    cautions = [*plausibility.of_series(series), *seen] if role else series.cautions
    return {
        "label": series.label,
        "series_uid": series.series_uid,
        "number": series.number,
        "description": series.description,
        "format": series.format,
        "modality": series.modality,
        "role": role,
        "why_no_role": selection.why_unusable(series, config),
        "weighting": weighted[0] if weighted else None,
        "weighting_evidence": weighted[1] if weighted else None,
        "fat_suppression": selection.fat_suppression(series, config),
        **_geometry(series),
        "slice_thickness_mm": series.slice_thickness_mm,
        "repetition_time_ms": series.repetition_time_ms,
        "echo_time_ms": series.echo_time_ms,
        "inversion_time_ms": series.inversion_time_ms,
        "field_strength_t": series.field_strength_t,
        "laterality": str(series.laterality) if series.laterality else None,
        "patient_position": series.patient_position,
        "frame_of_reference_uid": series.frame_of_reference_uid,
        "n_instances": len(series.instances),
        "sides_shown": picture.get("sides_shown", []),
        "widest_void_mm": picture.get("widest_void_mm"),
        "problem": series.refusal,
        "cautions": _as_values(cautions),
    }


def _picture(series: Series) -> tuple[dict[str, Any], list[Caution]]:
    """Return what the middle slice of a series shows; nothing where it cannot be read, which its
    own caution then says."""
    assert series.grid is not None
    middle = series.instances[len(series.instances) // 2].position_mm
    try:
        volume = loaders.load_volume(series, near=[middle])
    except StudyError as error:
        return {}, [Caution("unreadable_picture", str(error))]
    seen = body.look_at(volume.voxels[0], volume.affine)
    shown = body.sides_shown(body.extent(seen))
    facts = {
        "sides_shown": [str(side) for side in shown],
        "widest_void_mm": round(body.widest_void_mm(seen), 1),
    }
    return facts, list(plausibility.of_picture(seen, series))


def _geometry(series: Series) -> dict[str, Any]:
    if series.grid is None:
        return dict.fromkeys(
            ("plane", "tilt_deg", "shape", "pixel_spacing_mm", "slice_spacing_mm", "affine_lps")
        )
    grid = series.grid
    return {
        "plane": geometry.plane_name(grid.affine),
        "tilt_deg": round(geometry.tilt_from_plane_deg(grid.affine), 2),
        "shape": list(grid.shape),
        "pixel_spacing_mm": [round(mm, 4) for mm in grid.pixel_spacing_mm],
        "slice_spacing_mm": round(grid.slice_spacing_mm, 4),
        "affine_lps": [list(row) for row in grid.rows_of_affine],
    }


def as_text(facts: dict[str, Any]) -> str:
    """Return the facts as a table and sentences for a terminal."""
    lines = [_table(facts["series"])] if facts["series"] else []
    for role, choice in facts["roles"].items():
        shown = next(
            (s["label"] for s in facts["series"] if s["series_uid"] == choice["series_uid"]), "none"
        )
        lines.append(f"{role}: {shown} - {choice['reason']}")
    lines += _landmark_lines(facts["landmarks"] or [])
    for series in facts["series"]:
        if series["problem"]:
            lines.append(f"problem: {series['problem']}")
        else:
            lines += [f"caution: {c['text']}" for c in series["cautions"]]
    lines += [f"caution: {c['text']}" for c in facts["cautions"]]
    if facts["n_ignored_files"]:
        lines.append(f"{facts['n_ignored_files']} files that are no images were passed over.")
    return "\n".join(lines)


def _landmark_lines(landmarks: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each structure: where the outermost of its marks lies."""
    outermost: dict[tuple[str, str], dict[str, Any]] = {}
    for one in sorted(landmarks, key=lambda one: float(one["to_nearest_face_mm"])):
        outermost.setdefault((one["side"], one["name"]), one)
    return [
        f"{side} {name}: {'inside' if one['inside'] else 'OUTSIDE the volume'}, "
        f"{abs(one['to_nearest_face_mm']):.1f} mm {'from' if one['inside'] else 'beyond'} its "
        f"{one['nearest_face']}"
        for (side, name), one in outermost.items()
    ]


def _table(series: Sequence[dict[str, Any]]) -> str:
    header = (
        "series",
        "plane",
        "tilt",
        "slices",
        "size",
        "pixel mm",
        "spacing mm",
        "kind",
        "side",
        "role",
    )
    rows = [header, *(_row(one) for one in series)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    fat_suppressed = " FS" if one["fat_suppression"] and one["weighting"] != "STIR" else ""
    kind = f"{one['weighting'] or one['modality'] or '?'}{fat_suppressed}"
    role = one["role"] or ("refused" if one["problem"] else "-")
    if one["shape"] is None:
        return one["label"], "-", "-", str(one["n_instances"]), "-", "-", "-", kind, "-", role
    n_slices, n_rows, n_columns = one["shape"]
    between_rows, between_columns = one["pixel_spacing_mm"]
    return (
        one["label"],
        one["plane"],
        f"{one['tilt_deg']:.0f} deg",
        str(n_slices),
        f"{n_columns} x {n_rows}",
        f"{between_columns:.2f} x {between_rows:.2f}",
        f"{one['slice_spacing_mm']:.2f}",
        kind,
        one["laterality"] or "+".join(one["sides_shown"]) or "-",
        role,
    )
