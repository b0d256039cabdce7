"""Everything that can go wrong, as one tree.

::

    IfiMriError
    |- ConfigError              settings, profiles, command line
    |  `- ClinicalIntakeError   the clinical intake file
    |- StudyError               image files
    |  |- UnreadableImageError  not an image, truncated, an unsupported encoding
    |  |- GeometryError         the slices do not form a stack that can be measured
    |  `- SeriesNotFoundError   no series fits a role
    |- LandmarkError            landmark files
    |  |- LandmarkFormatError   the file cannot be understood
    |  `- LandmarkMismatchError the landmarks do not belong to the study or side
    `- ReportError              a report cannot be made or written

A message has four parts: which thing, what is wrong, expected against found with units, what to
do.  It never holds a patient's name.
"""


class IfiMriError(Exception):
    """Base of every error that ``ifi_mri`` raises on purpose."""


class ConfigError(IfiMriError):
    """A setting, a cut-off profile or a command-line value is wrong."""


class ClinicalIntakeError(ConfigError):
    """The clinical intake file is wrong."""


class StudyError(IfiMriError):
    """The image files of a study cannot be used."""


class UnreadableImageError(StudyError):
    """A file is not an image, is truncated, or is encoded in a way that cannot be decoded."""


class GeometryError(StudyError):
    """Slices are missing, doubled, unevenly spaced or not parallel."""


class SeriesNotFoundError(StudyError):
    """No series of the study fits the role that is asked for."""


class LandmarkError(IfiMriError):
    """Landmarks cannot be used."""


class LandmarkFormatError(LandmarkError):
    """A landmark file cannot be understood."""


class LandmarkMismatchError(LandmarkError):
    """Landmarks do not belong to this study, frame of reference or side."""


class ReportError(IfiMriError):
    """A report cannot be made or written."""
