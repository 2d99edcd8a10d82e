"""From values to a page: templates that escape every text, and fail on a name that they do not know."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from belle_data import __version__
from belle_data.errors import UsageError
from belle_data.page.bilingual import LANGUAGES, translated
from belle_data.page.shown import shown_text

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, *, language: str, **values: object) -> str:
    """Fill in a template of this package.

    Args:
        template: Its file name.
        language: In which the page opens: ``en`` or ``zh``.
        values: By the names that the template uses.

    Raises:
        UsageError: The language is none of the two.
    """
    check_language(language)
    return _environment().get_template(template).render(language=language, **values)


def check_language(language: str | None) -> None:
    """Refuse a language that pages have not; None is that of the system.

    Raises:
        UsageError: It is none of the two.
    """
    if language is not None and language not in LANGUAGES:
        raise UsageError("unknown language", value=language, hint=f"known are {', '.join(LANGUAGES)}")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - other commands do without

    environment = Environment(
        loader=PackageLoader("belle_data.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["t"] = translated
    environment.globals["version"] = __version__
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["share"] = share
    environment.filters["bytes"] = bytes_text
    environment.filters["shown"] = shown_text
    return environment


def system_language() -> str:
    """The language of the page that the locale of the system asks for: ``zh`` or ``en``."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def share(part: float, whole: float) -> str:
    """A part as a percentage, with enough digits to tell it from nothing."""
    if not part or not whole:
        return "0 %"
    percent = 100 * part / whole
    if percent < 0.01:
        return "< 0.01 %"
    return f"{percent:.2f} %" if percent < 10 else f"{percent:.1f} %"


def bytes_text(size: float | None) -> str:
    """Bytes in the unit that fits; a dash for what is not known."""
    if size is None:
        return "–"
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}"
        size /= 1024
    return f"{size:,.2f} GiB"
