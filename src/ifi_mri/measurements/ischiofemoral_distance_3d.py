"""Ischiofemoral distance in three dimensions: the shortest line from the ischial tuberosity to the
lesser trochanter as marked, on whatever slices.

It is another quantity than the ischiofemoral space, which is a distance on one axial image: the
most prominent points of the two bones need not lie at one level (Liu Y et al., Chin J Magn Reson
Imaging 2024;15(7):227-234, doi:10.12015/issn.1674-8034.2024.07.038).  With landmarks on separate
slices it is only as fine as the slices are.
"""

from ifi_mri import geometry
from ifi_mri.config import Config
from ifi_mri.measurements import distance_uncertainty
from ifi_mri.measurements.in_plane_distance import (
    Unmeasurable,
    as_point,
    axial_anatomy,
    by_slice,
)
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.segments import shortest_lines
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
    pairs = [(a, b) for a in ischium for b in trochanter]
    drawn = {
        id(mark): geometry.segments_in_space(mark.vertices_mm, closed=mark.closed)
        for mark in (*ischium, *trochanter)
    }
    lines = shortest_lines([(drawn[id(a)], drawn[id(b)]) for a, b in pairs])
    closest, marks = min(zip(lines, pairs, strict=True), key=lambda found: found[0].distance_mm)
    points_mm = as_point(closest.start), as_point(closest.end)
    if at_printed_precision(closest.distance_mm, "mm") == 0:
        touch = "ischial_tuberosity and lesser_trochanter touch; correct the landmarks"
        return (NotMeasured(name, hip.side, touch),)
    budget = distance_uncertainty.of_marks(
        closest.distance_mm, points_mm, marks, config.spaces.landmark_sd_mm, is_in_slice=False
    )
    return (
        Measurement(
            name=name,
            side=hip.side,
            value=closest.distance_mm,
            unit="mm",
            sd=budget.sd_mm,
            interval_95=budget.interval_95_mm(closest.distance_mm),
            method=(
                "smallest three-dimensional distance from ischial_tuberosity to lesser_trochanter "
                "over all marked slices"
            ),
            points_mm=points_mm,
            sop_instance_uid=None,
            n_slices=len(by_slice((*ischium, *trochanter), series)),
            series_uid=series.series_uid,
            details=(("landmark_sd_mm", config.spaces.landmark_sd_mm),),
            bias=budget.bias_mm,
            sources=budget.sources,
        ),
    )
