"""Hamstring tendon area (mm2): the conjoint and semimembranosus tendons, outlined together or
apart, on the axial slice where the ischiofemoral space is smallest.

A parameter of Tosun et al. (2012, read in secondary sources only); at the level of the space 290 SD
50 mm2 were read with impingement against 200 SD 40 mm2 without, and 256 mm2 proposed as a cut-off
(soolun series, 62 and 58 hips,
https://soolun.net/periodical/46c750f32c2b9db8fed59ea2318a76de.html); children did not differ
(Stenhouse 2016, doi:10.2214/AJR.15.14909).  The cut-off is not applied: the number stands alone.
"""

from ifi_mri.config import Config
from ifi_mri.measurements.area_at_level import area_at_narrowest
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.HAMSTRING_TENDON_AREA_MM2,)


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the area of the hamstring tendons at the narrowest level, mm2."""
    return (
        area_at_narrowest(
            hip,
            MeasurementName.HAMSTRING_TENDON_AREA_MM2,
            LandmarkName.HAMSTRING_TENDONS,
            config.spaces.landmark_sd_mm,
        ),
    )
