"""Cross-sectional area of quadratus femoris (mm2): inside its outline, on the axial slice where the
ischiofemoral space is smallest.

An axial area of 4.8 SD 1.5 cm2 was read on MRI in 11 dancers (Mayes et al., J Dance Med Sci 2015).
No cut-off is applied.
"""

from ifi_mri.config import Config
from ifi_mri.measurements.area_at_level import area_at_narrowest
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.QUADRATUS_FEMORIS_AREA_MM2,)


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the area of quadratus femoris at the narrowest level, mm2."""
    return (
        area_at_narrowest(
            hip,
            MeasurementName.QUADRATUS_FEMORIS_AREA_MM2,
            LandmarkName.QUADRATUS_FEMORIS,
            config.spaces.landmark_sd_mm,
        ),
    )
