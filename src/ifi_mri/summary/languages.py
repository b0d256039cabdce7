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
from ifi_mri.summary.catalogue import ENGLISH, Catalogue

#: What the program itself speaks.
OWN: Final = "en"

FALLBACK: Final = "[en] "

#: Messages that are put together into others, where a mark would part words.
_UNMARKED: Final = frozenset({"and", "decimal"})


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
            if name not in ENGLISH:
                raise ValueError(f"{name!r:.60} is no message of the catalogue")
            own, wanted = placeholders(text), placeholders(ENGLISH[name])
            if own != wanted:
                raise ValueError(
                    f"{name!r}: its placeholders are {_listed(own)}, {_listed(wanted)} were "
                    "expected as in English"
                )
        return messages


def placeholders(text: str) -> frozenset[tuple[str, str]]:
    """Return the names in braces with their formats; ValueError where the braces do not match."""
    parsed = string.Formatter().parse(text)
    return frozenset((name, form or "") for _, name, form, _ in parsed if name is not None)


def languages() -> tuple[str, ...]:
    """Return the languages that are shipped, English first."""
    files = sorted((configs_folder() / "languages").glob("*.toml"))
    return (OWN, *(file.stem for file in files))


@cache
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
    if language in languages():
        path = configs_folder() / "languages" / f"{language}.toml"
    elif language.endswith(".toml"):
        path = Path(language)
    else:
        raise ConfigError(
            f"language {language!r:.60} is not known. Choose one of: {', '.join(languages())}, or "
            "name a file that ends in .toml."
        )
    translation = read_settings(path, Translation)
    return translation.language, _complete(translation)


def _complete(translation: Translation) -> Catalogue:
    english: dict[str, Any] = {
        name: text if name in _UNMARKED else FALLBACK + text for name, text in ENGLISH.items()
    }
    return english | translation.messages | {"decimal": translation.decimal}


def _listed(found: frozenset[tuple[str, str]]) -> str:
    names = sorted(f"{{{name}:{form}}}" if form else f"{{{name}}}" for name, form in found)
    return ", ".join(names) or "none"
