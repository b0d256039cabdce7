"""A sentence that a room below said in English, in another language.

The sentence itself is the message: what it holds of values stands in braces, and the message that
fits it tells which values.
"""

import re
import string
from functools import cache
from typing import Final, NamedTuple

from ifi_mri.language.catalogue import ENGLISH, FALLBACK, Catalogue, say
from ifi_mri.language.sentences import SENTENCES
from ifi_mri.vocabulary import spoken

#: Braces with these names hold words that are messages themselves.
WORDS: Final = frozenset(
    {
        "reason",
        "level",
        "word",
        "source",
        "ages",
        "structure",
        "other",
        "rotation",
        "found",
        "plane",
        "evidence",
        "line",
        "doubt",
        "part",
        "status",
        "landmarks",
        "side",
        "edge",
        "which",
        "space",
        "place",
    }
)

#: Braces with these names hold names of a site's own, which stay as they are.
NAMES: Final = frozenset({"label"})

#: What braces hold: words that are messages themselves, or a value without blanks.
ANY_WORDS: Final = r".+?"
VALUE: Final = r"\S+?"

#: What parts a text into sentences, and a sentence into clauses.
BORDERS: Final = {" ": re.compile(r"(?<=\.) "), "; ": re.compile("; ")}


class _Message(NamedTuple):
    name: str
    pattern: re.Pattern[str]


def translated(words: Catalogue, sentence: str) -> str:
    """Return an English sentence in the language of a catalogue; with `FALLBACK` before it where
    no message fits it, or one that does is not translated."""
    if words["language"] == ENGLISH["language"] or not sentence:
        return sentence
    found = _translated(words, " ".join(spoken(sentence).split()))
    return FALLBACK + sentence if found is None or FALLBACK in found else found


def _translated(words: Catalogue, text: str) -> str | None:
    """Return a text translated as a whole or, sentence by sentence and clause by clause, in parts;
    None where any of it is not known."""
    for message in _messages():
        if fits := message.pattern.fullmatch(text):
            values = {
                name: _translated(words, value) if name in WORDS else value
                for name, value in fits.groupdict().items()
            }
            if None not in values.values():
                return say(words, message.name, **values)
    for joint, border in BORDERS.items():
        parts = border.split(text)
        if len(parts) > 1:
            found = [_translated(words, part) for part in parts]
            return joint.join(map(str, found)) if None not in found else None
    return None


@cache
def _messages() -> tuple[_Message, ...]:
    return tuple(_Message(name, _pattern(text)) for name, text in SENTENCES.items())


def _pattern(message: str) -> re.Pattern[str]:
    parsed = string.Formatter().parse(spoken(message))
    return re.compile(
        "".join(
            re.escape(text)
            + (f"(?P<{name}>{ANY_WORDS if name in WORDS | NAMES else VALUE})" if name else "")
            for text, name, _, _ in parsed
        )
    )
