"""Ischiofemoral distance in three dimensions: the shortest line from the ischial tuberosity to the
lesser trochanter as marked, on whatever slices.

It is another quantity than the ischiofemoral space, which is a distance on one axial image: the
most prominent points of the two bones need not lie at one level (Liu Y et al., Chin J Magn Reson
Imaging 2024;15(7):227-234, doi:10.12015/issn.1674-8034.2024.07.038).  With landmarks on separate
slices it is only as fine as the slices are.
"""

import math

from ifi_mri import geometry
from ifi_mri.config import Config
from ifi_mri.measurements.in_plane_distance import (
    Unmeasurable,
    as_point,
    axial_anatomy,
    by_slice,
    distance_interval_95,
)
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName, at_printed_precision

NAMES = (MeasurementName.ISCHIOFEMORAL_DISTANCE_3D,)


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the smallest 3-D distance between ischial tuberosity and lesser trochanter, mm."""
    name = MeasurementName.ISCHIOFEMORAL_DISTANCE_3D
    ischium = hip.marked(LandmarkName.ISCHIAL_TUBEROSITY)
    trochanter = hip.marked(LandmarkName.LESSER_TROCHANTER)
    for landmark, marks in (
        (LandmarkName.ISCHIAL_TUBEROSITY, ischium),
        (LandmarkName.LESSER_TROCHANTER, trochanter),
    ):
        if not marks:
            return (NotMeasured(name, hip.side, f"no {landmark} landmark"),)
    try:
        series = axial_anatomy(hip)
    except Unmeasurable as reason:
        return (NotMeasured(name, hip.side, str(reason)),)
    closest = min(
        (
            geometry.closest_in_space(
                a.points_mm, b.points_mm, first_closed=a.closed, second_closed=b.closed
            )
            for a in ischium
            for b in trochanter
        ),
        key=lambda found: found.distance_mm,
    )
    if at_printed_precision(closest.distance_mm, "mm") == 0:
        touch = "ischial_tuberosity and lesser_trochanter touch; correct the landmarks"
        return (NotMeasured(name, hip.side, touch),)
    sd_mm = math.sqrt(2) * config.spaces.landmark_sd_mm
    return (
        Measurement(
            name=name,
            side=hip.side,
            value=closest.distance_mm,
            unit="mm",
            sd=sd_mm,
            interval_95=distance_interval_95(closest.distance_mm, sd_mm),
            method=(
                "smallest three-dimensional distance from ischial_tuberosity to lesser_trochanter "
                "over all marked slices"
            ),
            points_mm=(as_point(closest.start), as_point(closest.end)),
            sop_instance_uid=None,
            n_slices=len(by_slice((*ischium, *trochanter), series)),
            series_uid=series.series_uid,
            details=(("landmark_sd_mm", config.spaces.landmark_sd_mm),),
        ),
    )
