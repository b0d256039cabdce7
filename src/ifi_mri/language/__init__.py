"""Every message that a person reads in a report, and how it reads in another language.

`catalogue` holds the English ones of the summary and the impression, `report_messages` those of
headings, titles and rows, `sentences` what the rooms below say of reasons, which `reasons` finds
there; `translations` reads another language from a file.
"""

from ifi_mri.language.catalogue import ENGLISH, Catalogue, say
from ifi_mri.language.reasons import translated
from ifi_mri.language.translations import (
    languages,
    load,
    of_code,
    share_translated,
    unfinished,
)

__all__ = (
    "ENGLISH", "Catalogue", "languages", "load", "of_code", "say", "share_translated", "translated",
    "unfinished",
)  # fmt: skip
