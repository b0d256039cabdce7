"""Left against right: ratio of signals, difference of sizes.

Atrophy is only ever said as a difference between the sides; no cut-off is published for this
muscle and none is made up.
"""

import math

from ifi_mri.model import Z_95
from ifi_mri.signal.estimates import Estimate, normal_estimate
from ifi_mri.signal.regions import NotAssessable


def side_to_side(left: Estimate, right: Estimate) -> Estimate:
    """Return the ratio of two sides' values with its interval, from the relative errors of both
    (delta method in the logarithm).

    Raises
    ------
    NotAssessable
        One of the values is not positive.
    """
    if min(left.value, right.value) <= 0:
        raise NotAssessable("one side has no signal to compare with")
    value = left.value / right.value
    log_sd = math.hypot(left.sd / left.value, right.sd / right.value)
    low, high = value * math.exp(-Z_95 * log_sd), value * math.exp(Z_95 * log_sd)
    return Estimate(value, value * log_sd, low, high)


def side_difference(left: Estimate, right: Estimate) -> Estimate:
    """Return left minus right as a share of their mean, negative where the left is smaller.

    Raises
    ------
    NotAssessable
        Neither side has a size.
    """
    mean = (left.value + right.value) / 2
    if mean <= 0:
        raise NotAssessable("neither side has a size to compare")
    value = (left.value - right.value) / mean
    sd = math.hypot(right.value * left.sd, left.value * right.sd) / mean**2
    return normal_estimate(value, sd)
