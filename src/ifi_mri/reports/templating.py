"""Pages of HTML from the templates of this folder, every value escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ifi_mri.language.report_messages import NBSP
from ifi_mri.reports.words import IN_ENGLISH, SHORT_TITLES, Words, printable, sentence

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"

#: What a page holds, nearly all of it: the letters, digits and signs of ASCII, and line breaks.
PLAIN_LETTERS: Final = bytes(range(0x20, 0x7F)) + b"\n"


def page(template: str, words: Words = IN_ENGLISH, **content: Any) -> bytes:
    """Return a page of this folder's templates filled with content, UTF-8."""
    return _encoded(environment().get_template(template).render(words=words, **content))


def _encoded(page: str) -> bytes:
    """Return a page with what HTML allows: line breaks and what can be seen.  Anything else is
    looked for once, in the few letters beyond ASCII, instead of in each of two thousand values."""
    content = page.encode(errors="surrogatepass")
    rare = content.translate(None, PLAIN_LETTERS).decode(errors="surrogatepass")
    if rare.replace(NBSP, "").isprintable():
        return content
    return "\n".join(map(printable, page.split("\n"))).encode()


@cache
def environment() -> "Environment":
    """Return what reads the templates, and knows what they call beside their content."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from ifi_mri.reports.picture_svg import panel

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["panel"] = panel
    made.globals["short_titles"] = SHORT_TITLES
    made.filters["sentence"] = sentence
    return made
