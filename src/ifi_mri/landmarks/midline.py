"""Is left left?  The side of landmarks against the midline of the body in the picture.

On an axial slice that shows the whole pelvis the body lies evenly about its midline, so the middle
of its extent from left to right tells the patient's sides apart, whatever a label says.  A field of
view of one hip shows no midline, and then this check says nothing.
"""

from typing import Final

import numpy as np
from scipy import ndimage

from ifi_mri import geometry
from ifi_mri.errors import LandmarkMismatchError
from ifi_mri.model import LandmarkSet, Volume
from ifi_mri.vocabulary import LandmarkName, Side

#: Narrower bodies in the picture may be one thigh: adult pelves at the hips measure 300-420 mm,
#: one thigh less than 220 mm.
MIN_BODY_WIDTH_MM: Final = 250.0

#: Bones of one side lie 40 mm and more from the midline; a patient lying askew moves the middle of
#: the extent by a few mm.
TOLERANCE_MM: Final = 10.0

#: Part of the bright reference level above which a smoothed pixel belongs to the body; air is noise
#: of a few per cent of it.
BODY_LEVEL: Final = 0.15

BONES: Final = (LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER)


def body_midline_x_mm(volume: Volume) -> float | None:
    """Return the x coordinate (LPS, mm) of the middle of the body on a volume's middle slice.

    None where the picture does not show the body from side to side: it touches the picture's
    edge or is narrower than `MIN_BODY_WIDTH_MM`, or the picture holds no body.
    """
    index = volume.voxels.shape[0] // 2
    picture = ndimage.uniform_filter(np.nan_to_num(volume.voxels[index]), size=5)
    level = BODY_LEVEL * float(np.percentile(picture, 95))
    if level <= 0:
        return None
    body = ndimage.binary_opening(picture > level, iterations=3)
    rows, columns = np.nonzero(body)
    if len(rows) == 0:
        return None
    pixels = np.stack([np.full(len(rows), index), rows, columns], axis=1)
    x_mm = geometry.voxel_to_patient(volume.affine, pixels)[:, 0]
    corners = [(index, r, c) for r in (0, body.shape[0] - 1) for c in (0, body.shape[1] - 1)]
    edges_mm = geometry.voxel_to_patient(volume.affine, corners)[:, 0]
    margin_mm = 3 * float(max(np.abs(volume.affine[0, 1:3]).max(), 1.0))
    touches = x_mm.min() < edges_mm.min() + margin_mm or x_mm.max() > edges_mm.max() - margin_mm
    if touches or x_mm.max() - x_mm.min() < MIN_BODY_WIDTH_MM:
        return None
    return float((x_mm.min() + x_mm.max()) / 2)


def check_sides(landmarks: LandmarkSet, volume: Volume) -> None:
    """Raise LandmarkMismatchError where bones marked on one side lie on the other side of the
    body's midline; nothing happens where the picture shows no midline."""
    midline_mm = body_midline_x_mm(volume)
    if midline_mm is None:
        return
    for side in Side:
        marked = [mark for mark in landmarks.on(side) if mark.name in BONES]
        for mark in marked:
            lateral_mm = side.sign * (np.mean([x for x, _, _ in mark.points_mm]) - midline_mm)
            if lateral_mm < -TOLERANCE_MM:
                raise LandmarkMismatchError(
                    f"{mark.name} marked {side} lies {-lateral_mm:.0f} mm to the {side.other} of "
                    f"the body's midline (x = {midline_mm:.0f} mm in LPS). Check the side, and "
                    f"whether the file is RAS and was read as LPS."
                )
