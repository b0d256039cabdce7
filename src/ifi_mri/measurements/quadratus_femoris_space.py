"""Quadratus femoris space (QFS): the narrowest passage for the muscle on an axial image, from the
superolateral surface of the hamstring tendons to the posteromedial surface of the iliopsoas tendon
or the lesser trochanter, whichever is nearer.

Torriani M, Souto SCL, Thomas BJ, Ouellette H, Bredella MA. Ischiofemoral impingement syndrome. AJR
2009;193:186-190, doi:10.2214/AJR.08.2090.
"""

from ifi_mri.config import Config
from ifi_mri.measurements.in_plane_distance import SpaceEnds, smallest_over_slices
from ifi_mri.model import Hip, Measurement, NotMeasured
from ifi_mri.vocabulary import LandmarkName, MeasurementName

NAMES = (MeasurementName.QUADRATUS_FEMORIS_SPACE,)

ENDS = SpaceEnds(
    near=LandmarkName.HAMSTRING_ORIGIN,
    far=(LandmarkName.ILIOPSOAS_TENDON, LandmarkName.LESSER_TROCHANTER),
)


def measure(hip: Hip, config: Config) -> tuple[Measurement | NotMeasured, ...]:
    """Return the quadratus femoris space of one hip, mm; its method says at which structure it
    ends."""
    return (
        smallest_over_slices(
            hip,
            MeasurementName.QUADRATUS_FEMORIS_SPACE,
            *ENDS,
            landmark_sd_mm=config.spaces.landmark_sd_mm,
        ),
    )
