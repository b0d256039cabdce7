"""The catalogue in another language: a TOML file of messages, checked against the English one.

A file states its ``language`` (BCP 47), its ``name``, the sign of its decimals, and ``[messages]``
by the ids of `catalogue.ENGLISH`.  A message that it does not hold is printed in English with
``[en]`` before it: nobody shall take it for translated, and nothing shall be missing.
"""

import string
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from ifi_mri.config import Settings, configs_folder, read_settings
from ifi_mri.errors import ConfigError
from ifi_mri.language.catalogue import ENGLISH, FALLBACK, Catalogue
from ifi_mri.language.report_messages import REPORT_MESSAGES
from ifi_mri.language.sentences import STRUCTURES
from ifi_mri.model import Caution

#: What the program itself speaks.
OWN: Final = "en"

#: What a file states beside its messages.
NOT_MESSAGES: Final = frozenset({"decimal", "language"})

#: Messages that are put together into others or head them, where a mark would part words.
_UNMARKED: Final = frozenset({"and", *REPORT_MESSAGES, *STRUCTURES})


class Translation(Settings):
    """A file of messages."""

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    name: str
    decimal: Annotated[str, Field(pattern=r"^[.,]$")] = "."
    messages: dict[str, str]

    @field_validator("messages")
    @classmethod
    def _fits_the_catalogue(cls, messages: dict[str, str]) -> dict[str, str]:
        for name, text in messages.items():
            if name not in ENGLISH or name in NOT_MESSAGES:
                raise ValueError(f"{name!r:.60} is no message of the catalogue")
            if not text.strip():
                raise ValueError(f"{name!r} is blank; translate it, or leave it out for English")
            own, wanted = placeholders(text), placeholders(ENGLISH[name])
            if own != wanted:
                raise ValueError(
                    f"{name!r}: its placeholders are {_listed(own)}, {_listed(wanted)} were "
                    "expected as in English"
                )
        return messages


def placeholders(text: str) -> frozenset[tuple[str, str]]:
    """Return the names in braces, with a conversion such as ``!r``, and their formats; ValueError
    where the braces do not match."""
    return frozenset(
        (f"{name}!{conversion}" if conversion else name, form or "")
        for _, name, form, conversion in string.Formatter().parse(text)
        if name is not None
    )


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that are shipped, English first."""
    files = sorted((configs_folder() / "languages").glob("*.toml"))
    return (OWN, *(file.stem for file in files))


def load(language: str) -> tuple[str, Catalogue]:
    """Return the code of a language and its catalogue.

    Parameters
    ----------
    language : str
        One of `languages`, or the path of a file that ends in ``.toml``.

    Raises
    ------
    ConfigError
        The language is not known; the file cannot be read, or a message of it does not fit.
    """
    if language == OWN:
        return OWN, ENGLISH
    translation = _read(language)
    return translation.language, _catalogue(language)


def of_code(code: str) -> tuple[str, Catalogue]:
    """Return a shipped language and its catalogue; English where the code is of none, as of a
    site's own file."""
    return load(code if code in languages() else OWN)


def share_translated(language: str) -> float:
    """Return the share of all messages, 0 to 1, that a language or a file of one holds; the others
    are printed in English.  Parameters and errors are those of `load`."""
    return (
        1.0
        if language == OWN
        else len(_read(language).messages) / (len(ENGLISH) - len(NOT_MESSAGES))
    )


def unfinished(language: str) -> Caution | None:
    """Return a caution where a language lacks messages; None where it has all."""
    share = share_translated(language)
    if share == 1:
        return None
    code, _ = load(language)
    return Caution(
        "language_unfinished",
        f"The file of the language {code} holds {int(100 * share)} % of all messages; the others "
        "are in English. Complete the file.",
    )


@cache
def _catalogue(language: str) -> Catalogue:
    return _complete(_read(language))


@cache
def _read(language: str) -> Translation:
    if language in languages():
        path = configs_folder() / "languages" / f"{language}.toml"
    elif language.endswith(".toml"):
        path = Path(language)
    else:
        raise ConfigError(
            f"language {language!r:.60} is not known. Choose one of: {', '.join(languages())}, or "
            "name a file that ends in .toml."
        )
    return read_settings(path, Translation)


def _complete(translation: Translation) -> Catalogue:
    english: dict[str, Any] = {
        name: text if name in _UNMARKED else FALLBACK + text for name, text in ENGLISH.items()
    }
    own = {"decimal": translation.decimal, "language": translation.language}
    return english | translation.messages | own


def _listed(found: frozenset[tuple[str, str]]) -> str:
    names = sorted(f"{{{name}:{form}}}" if form else f"{{{name}}}" for name, form in found)
    return ", ".join(names) or "none"
