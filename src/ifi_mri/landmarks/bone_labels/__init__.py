"""The ischiofemoral space from whole-bone labels alone, as a proposal for a reader to check.

``propose`` takes a label map with hip bones and femora and returns the space of one side with its
two ends, the slices that were searched and a score of how far it can be trusted; or the reason why
it proposes nothing.  The steps: one hip's bones from the labels (`pieces`), head, shaft and lesser
trochanter of the femur (`proximal_femur`), the smallest distance on the axial slices around the
trochanter's tip (`search`), the score (`quality`).
"""

from ifi_mri.landmarks.bone_labels.space import (
    NotProposed,
    ProposedSpace,
    propose,
    propose_both,
)

__all__ = ["NotProposed", "ProposedSpace", "propose", "propose_both"]
