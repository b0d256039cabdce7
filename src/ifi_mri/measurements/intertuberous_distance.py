"""Intertuberous (inter-ischial) distance (mm): between the two ischial tuberosities on one axial
slice.

Read on axial T1 as the inter-ischial diameter (Xing 2023, Hip Int 2023;33(1):119-125,
doi:10.1177/11207000211007750; r = -0.213 with the ischiofemoral space); its end points were not
read in a source, and a review finds no consistent relation.  Two definitions, never mixed in one
number, and the number says which:

- **inner borders**: the smallest distance between the closed outlines of both tuberosities, where
  both are outlined;
- **lateral cortices**: between the most lateral marked points, where points or open lines mark the
  lateral cortex, as the ischiofemoral space needs them.  It is wider than the usual distance by the
  widths of both tuberosities.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ifi_mri import geometry
from ifi_mri.config import Config
from ifi_mri.measurements import distance_uncertainty
from ifi_mri.measurements.horizontal import lateral_points_by_slice
from ifi_mri.measurements.in_plane_distance import (
    Unmeasurable,
    as_point,
    axial_anatomy,
    by_slice,
    slice_position_mm,
    slices_in_words,
)
from ifi_mri.model import Hip, Landmark, Measurement, NotMeasured, Series, SliceValue
from ifi_mri.segments import Closest
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.INTERTUBEROUS_DISTANCE,)

INNER: Final = "between inner borders"
LATERAL: Final = "between lateral cortices, wider than the usual distance"


class Across(NamedTuple):
    """The distance on one slice, and which one it is."""

    definition: str
    value: SliceValue
    marks: tuple[Landmark, Landmark]


def measure_pair(
    left: Hip,
    right: Hip,
    results: Sequence[Measurement | NotMeasured],  # noqa: ARG001 - what the room hands to all
    config: Config,
) -> tuple[Measurement | NotMeasured, ...]:
    """Return the distance between the tuberosities, mm."""
    name, structure = MeasurementName.INTERTUBEROUS_DISTANCE, LandmarkName.ISCHIAL_TUBEROSITY
    unmarked = [hip.side for hip in (left, right) if not hip.marked(structure)]
    if unmarked:
        reason = f"no {structure} landmark on the {' and the '.join(unmarked)}"
        return (NotMeasured(name, None, reason, optional=True),)
    try:
        series = axial_anatomy(left)
        found = _by_slice(left, right, series)
    except Unmeasurable as reason:
        return (NotMeasured(name, None, str(reason)),)
    definition = INNER if any(one.definition is INNER for one in found) else LATERAL
    counted = [one for one in found if one.definition is definition]
    values = [one.value for one in counted]
    shown = min(values, key=lambda one: (one.value, -one.slice_position_mm))
    budget = distance_uncertainty.of_smallest(
        values,
        [
            distance_uncertainty.of_marks(
                one.value.value, one.value.points_mm, one.marks, config.spaces.landmark_sd_mm
            )
            for one in counted
        ],
    )
    return (
        Measurement(
            name=name,
            side=None,
            value=shown.value,
            unit="mm",
            sd=budget.sd_mm,
            interval_95=budget.interval_95_mm(shown.value),
            method=(
                f"in-plane distance of the tuberosities {definition}, on one axial slice, smallest "
                f"of {len(values)} {'slice' if len(values) == 1 else 'slices'}"
            ),
            points_mm=shown.points_mm,
            sop_instance_uid=shown.sop_instance_uid,
            n_slices=len(values),
            per_slice=tuple(values),
            series_uid=series.series_uid,
            details=(
                ("definition", definition),
                ("landmark_sd_mm", config.spaces.landmark_sd_mm),
                ("slice_position_mm", shown.slice_position_mm),
            ),
            bias=budget.bias_mm,
            sources=budget.sources,
        ),
    )


def _by_slice(left: Hip, right: Hip, series: Series) -> list[Across]:
    structure = LandmarkName.ISCHIAL_TUBEROSITY
    marked = [by_slice(hip.marked(structure), series) for hip in (left, right)]
    both = sorted(marked[0].keys() & marked[1].keys())
    if not both:
        on_left, on_right = (slices_in_words(at, series) for at in marked)
        raise Unmeasurable(
            f"{structure} is marked on {on_left} on the left, on {on_right} on the right: both "
            f"must lie on one slice"
        )
    lateral = [lateral_points_by_slice(hip, series) for hip in (left, right)]
    assert series.grid is not None
    found = []
    for index in both:
        sides = [at[index] for at in marked]
        if all(mark.closed for marks in sides for mark in marks):
            closest, marks = min(
                (
                    (
                        geometry.closest_in_plane(
                            a.points_mm,
                            b.points_mm,
                            series.grid.affine,
                            first_closed=True,
                            second_closed=True,
                        ),
                        (a, b),
                    )
                    for a in sides[0]
                    for b in sides[1]
                ),
                key=lambda one: one[0].distance_mm,
            )
            found.append(Across(INNER, _value(closest, series, index), marks))
        else:
            ends = [at[index] for at in lateral]
            apart = geometry.closest_in_plane(ends[0], ends[1], series.grid.affine)
            found.append(Across(LATERAL, _value(apart, series, index), (sides[0][0], sides[1][0])))
    return found


def _value(closest: Closest, series: Series, index: int) -> SliceValue:
    instance = series.instances[index]
    return SliceValue(
        value=closest.distance_mm,
        slice_position_mm=slice_position_mm(series, index),
        sop_instance_uid=instance.sop_instance_uid,
        points_mm=(as_point(closest.start), as_point(closest.end)),
        instance_number=instance.number,
    )
