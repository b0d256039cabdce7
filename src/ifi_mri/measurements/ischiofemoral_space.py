"""Ischiofemoral space (IFS): from the lateral cortex of the ischial tuberosity to the medial cortex
of the lesser trochanter, the shortest distance on an axial image, bone to bone.

Torriani M, Souto SCL, Thomas BJ, Ouellette H, Bredella MA. Ischiofemoral impingement syndrome. AJR
2009;193:186-190, doi:10.2214/AJR.08.2090.
"""

from ifi_mri.config import Config
from ifi_mri.measurements.in_plane_distance import SpaceEnds, smallest_over_slices
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.ISCHIOFEMORAL_SPACE,)

ENDS = SpaceEnds(near=LandmarkName.ISCHIAL_TUBEROSITY, far=(LandmarkName.LESSER_TROCHANTER,))


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the ischiofemoral space of one hip, mm."""
    return (
        smallest_over_slices(
            hip,
            MeasurementName.ISCHIOFEMORAL_SPACE,
            *ENDS,
            landmark_sd_mm=config.spaces.landmark_sd_mm,
        ),
    )
