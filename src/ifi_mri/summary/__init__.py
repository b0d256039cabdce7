"""What findings and clinical intake allow to be said: the diagnostic summary, the impression and
the statement on position.

Axes stay apart, nothing is scored, and nothing is said beyond "compatible with" (project evidence
document, section 9.5).  All sentences stand in `ifi_mri.language`.
"""

from ifi_mri.language import load as load_language
from ifi_mri.language import unfinished as unfinished_language
from ifi_mri.summary.assertions import ASSERTIONS
from ifi_mri.summary.impressions import impression
from ifi_mri.summary.positioning import position, position_sentence
from ifi_mri.summary.sides import write

__all__ = (
    "ASSERTIONS", "impression", "load_language", "position", "position_sentence",
    "unfinished_language", "write",
)  # fmt: skip
