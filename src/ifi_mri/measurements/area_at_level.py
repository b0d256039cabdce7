"""The outlined area of a structure at the level where the ischiofemoral space is smallest."""

from ifi_mri.measurements.in_plane_distance import Unmeasurable
from ifi_mri.measurements.narrowest_level import level_at_narrowest
from ifi_mri.measurements.outlined_area import interval_95, outlined_slices, slice_value
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName


def area_at_narrowest(
    hip: Hip, name: MeasurementName, structure: LandmarkName, landmark_sd_mm: float
) -> Measurement | NotMeasured:
    """Return the area inside a structure's outlines on the slice of the smallest space, mm2; on the
    nearest outlined slice where it is not outlined there, and the method says which."""
    if not hip.marked(structure):
        return NotMeasured(name, hip.side, f"no {structure} outline", optional=True)
    try:
        series, slices = outlined_slices(hip, structure, landmark_sd_mm)
        level = level_at_narrowest(hip, series, slices)
    except Unmeasurable as reason:
        return NotMeasured(name, hip.side, str(reason))
    at = slices[level.slice_index]
    details: tuple[tuple[str, float | int | str], ...] = (
        ("landmark_sd_mm", landmark_sd_mm),
        ("n_outlines", at.n_outlines),
    )
    if level.above_narrowest_mm is not None:
        details += (("above_narrowest_mm", level.above_narrowest_mm),)
    if level.above_narrowest_mm != 0:
        details += (("definition", level.words),)
    return Measurement(
        name=name,
        side=hip.side,
        value=at.area_mm2,
        unit="mm2",
        sd=at.sd_mm2,
        interval_95=interval_95(at.area_mm2, at.sd_mm2),
        method=f"area inside the {structure} outline {level.words}",
        points_mm=at.outline,
        sop_instance_uid=series.instances[level.slice_index].sop_instance_uid,
        n_slices=len(slices),
        per_slice=tuple(slice_value(series, k, one.area_mm2, one) for k, one in slices.items()),
        series_uid=series.series_uid,
        details=details,
    )
