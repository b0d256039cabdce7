"""Synthetic hips whose true distances and signals are arguments.

:func:`make_phantom` scans a drawn pelvis at the level of the ischiofemoral space: axial T1 and
fat-suppressed series with partial volume, coil shading and noise, in any pose.  Its landmarks and
its truth are exact, so that what the pipeline measures can be compared with what was built.

From the ground up: `shapes` (outlines and distances), `hip` (the measured structures) and
`surroundings` (what lies around them), `scan` (slices, pixels, pose), `protocols` and `signal`
(how bright things are), `render` (voxels), `series`, `readings` and `truth` (what is known),
`synthetic_study` (the whole), `dicom_files`, `nifti_files` and `files`.
"""

from ifi_mri.phantom.files import (
    FORMATS,
    write_dicom,
    write_nifti,
    write_phantom,
    write_truth,
)
from ifi_mri.phantom.hip import HipSpec
from ifi_mri.phantom.synthetic_study import Phantom, make_phantom

__all__ = [
    "FORMATS", "HipSpec", "Phantom", "make_phantom", "write_dicom", "write_nifti",
    "write_phantom", "write_truth",
]  # fmt: skip
