"""Keeps a patient's name and number out of free text.

Series descriptions, protocol and folder names are typed by people, who write the patient's name
into them; whatever leaves the loaders as text passes here first.  Names are DICOM person names
(PS3.5 section 6.2.1): components parted by ``^``, representations in other scripts by ``=``.

Words are compared without case and accents, and with umlauts spelled out (``Müller``, ``MULLER``
and ``Mueller`` are one name).  A short word, as the name Li, counts only as a whole word; a longer
one wherever it stands inside a word; one in Chinese, Japanese or Korean script always, as these
write names without blanks.  Words of MRI are kept whoever is called so: without them no series
could be chosen.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ifi_mri.config import SeriesWords

WITHHELD: Final = "withheld"

#: Shorter words stand inside too many others to be looked for there.
SHORTEST_INSIDE: Final = 3

#: Most words that one part of a name or number is written as (``O Brien``, ``12-34-56-7``).
_MOST_PIECES: Final = 4

_WORD: Final = re.compile(r"([^\W_]+)")

#: Letters that Unicode does not take apart into a plain one and an accent.
_PLAIN: Final = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "\u0131": "i"})
_SPELLED_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})

#: Scripts that write names without blanks, by the first words of their characters' names.
_UNSPACED: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")

#: Words of planes, body parts, sequences and scanners beside those that choose a series.
_TERMS: Final = frozenset(
    {
        "ax", "axial", "tra", "trans", "transverse", "cor", "coronal", "sag", "sagittal", "obl",
        "oblique", "hip", "hips", "pelvis", "thigh", "femur", "left", "right", "lt", "rt",
        "bilateral", "mr", "mri", "se", "tse", "fse", "sse", "ssfse", "haste", "gre", "ge",
        "flash", "vibe", "space", "cube", "vista", "ir", "epi", "2d", "3d", "mm", "ms", "fov",
        "high", "hr", "res", "pre", "post", "gd", "km", "mag", "magnitude", "original", "primary",
        "derived", "secondary", "m", "p", "nd",
    }
)  # fmt: skip


def _folded(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare)


def _spellings(text: str) -> frozenset[str]:
    """Return a text folded with umlauts as plain letters and spelled out."""
    if text.isascii():
        return frozenset({text.lower()} - {""})
    spelled_out = unicodedata.normalize("NFC", text).casefold().translate(_SPELLED_OUT)
    return frozenset({_folded(text), _folded(spelled_out)}) - {""}


@lru_cache(maxsize=8)  # asked for with every text of every header
def _vocabulary(words: SeriesWords) -> frozenset[str]:
    phrases = (phrase for group in words.model_dump().values() for phrase in group)
    return _TERMS | {word for phrase in phrases for word in _WORD.findall(_folded(phrase))}


_VOCABULARY: Final = _vocabulary(SeriesWords())


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Words that give a patient away; ``repr`` hides them, so that no log line can carry them.

    Attributes
    ----------
    whole : frozenset of str
        Folded words that count where a text holds them as a word of its own.
    inside : frozenset of str
        Folded words that count inside longer words too.
    """

    whole: frozenset[str]
    inside: frozenset[str]

    def is_told_by(self, word: str) -> bool:
        """Return whether a word gives the patient away."""
        return any(
            spelling in self.whole or any(part in spelling for part in self.inside)
            for spelling in _spellings(word)
        )


def identity_words(names: Iterable[str], ids: Iterable[str]) -> Identity:
    """Return what gives a patient away in a text.

    Parameters
    ----------
    names : iterable of str
        DICOM person names: the patient's and former or other ones.
    ids : iterable of str
        Numbers by which a hospital knows the patient.
    """
    return _identity_words(tuple(names), tuple(ids))


@lru_cache(maxsize=8)  # asked for with every series and every file of a patient
def _identity_words(names: tuple[str, ...], ids: tuple[str, ...]) -> Identity:
    parts: list[str] = []
    for name in names:
        for spelled in re.split(r"[=\\]", unicodedata.normalize("NFC", name)):
            components = ["".join(_WORD.findall(part)) for part in spelled.split("^")]
            parts += _WORD.findall(spelled)
            parts += [*components, "".join(components[:2]), "".join(components[1::-1])]
    for number in ids:
        for one in unicodedata.normalize("NFC", number).split("\\"):
            parts.append("".join(_WORD.findall(one)))
    inside = {part for part in parts if _counts_inside(part)}
    whole = {spelling for part in parts for spelling in _spellings(part)}
    return Identity(
        frozenset(whole), frozenset(spelling for part in inside for spelling in _spellings(part))
    )


def _counts_inside(part: str) -> bool:
    if len(part) >= SHORTEST_INSIDE:
        return True
    return any(unicodedata.name(c, "").startswith(_UNSPACED) for c in part)


def without_identity(text: str, identity: Identity, words: SeriesWords | None = None) -> str:
    """Return a text in which every word that gives a patient away is "withheld".

    Parameters
    ----------
    words : SeriesWords, optional
        Words that are kept beside common ones of MRI; those of the default configuration where
        not given.
    """
    kept = _VOCABULARY if words is None else _vocabulary(words)
    pieces = _WORD.split(unicodedata.normalize("NFC", text))  # words stand at odd places
    spoken = pieces[1::2]
    telling = _telling(spoken, identity, kept)
    if not telling:
        return text
    pieces[1::2] = [WITHHELD if k in telling else word for k, word in enumerate(spoken)]
    return "".join(pieces)


def tells_identity(text: str, identity: Identity) -> bool:
    """Return whether any word of a text gives a patient away."""
    return without_identity(text, identity) != text


def _telling(spoken: list[str], identity: Identity, kept: frozenset[str]) -> set[int]:
    """Return the numbers of the words that give a patient away, alone or run together."""
    plain = [_folded(word) in kept for word in spoken]
    if all(plain):
        return set()
    found = {k for k, word in enumerate(spoken) if not plain[k] and identity.is_told_by(word)}
    for n_words in range(2, _MOST_PIECES + 1):
        for k in range(len(spoken) - n_words + 1):
            run = slice(k, k + n_words)
            if all(plain[run]) or identity.inside.isdisjoint(_spellings("".join(spoken[run]))):
                continue
            found.update(j for j in range(k, k + n_words) if not plain[j])
    return found
