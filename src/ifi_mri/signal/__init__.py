"""The signal of quadratus femoris: oedema and fat - robust to coils, slices and readers.

From the ground up: `settings` (every number with its reason), `estimates` (values with intervals
that know that voxels are correlated), `regions` (outlines as pixels), `smoothing`, `noise`,
`tissues` (muscle and fat as the anatomy series shows them), `blocks`, `field`, `field_fit` and
`shading` (the coil's field), `relative` (signal in units of normal muscle), `plateau`, `raised` and
`oedema` (how much of it is raised), `place` (where, and beyond the muscle), `grade` (the rule),
`shift` (between the series), `fat`, `sides`; `quadratus` is the door to the signal on the
fluid-sensitive series.

What cannot be said is a `NotAssessable` with its reason in a sentence; nothing here is ever 0 or
nan for want of data.
"""

from ifi_mri.signal.estimates import Estimate
from ifi_mri.signal.fat import FatFraction, fat_fraction_dixon, fat_fraction_t1
from ifi_mri.signal.quadratus import MuscleSignal, muscle_signal
from ifi_mri.signal.regions import NotAssessable
from ifi_mri.signal.settings import MuscleSignalSettings
from ifi_mri.signal.sides import side_difference, side_to_side

__all__ = [
    "Estimate", "FatFraction", "MuscleSignal", "MuscleSignalSettings", "NotAssessable",
    "fat_fraction_dixon", "fat_fraction_t1", "muscle_signal", "side_difference", "side_to_side",
]  # fmt: skip
