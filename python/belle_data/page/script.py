"""Scripts of pages: static files of this package, set into a page and allowed there by their hash alone."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from markupsafe import Markup

from belle_data.errors import InternalError

_NAME = re.compile(r"[a-z][a-z0-9_]*\.js")
_ENDS = re.compile(r"<!--|<script|</script", re.IGNORECASE)
"""What would end the element, or let a browser read on past its end."""


@cache
def inline_script(name: str) -> tuple[Markup, str]:
    """The element of a script, and what a content security policy calls it.

    Nothing is set into the script: what a page knows stands in its elements, escaped, and the script reads it there.
    So the hash is the same for every page, and no text can become part of the script.

    Args:
        name: The file among the templates, such as ``blind_sheet.js``.

    Returns:
        The element, and its source for ``script-src``: ``'sha256-…'`` with its quotes.

    Raises:
        InternalError: There is no such script, or it cannot stand in a page.
    """
    try:
        # A browser reads every line break as a line feed before it hashes; so does this.
        found = files("belle_data.page") / "templates" / name
        text = found.read_text(encoding="utf-8") if _NAME.fullmatch(name) else None
    except (OSError, UnicodeDecodeError):
        text = None
    if text is None:
        raise InternalError("there is no such script", value=name)
    if _ENDS.search(text):
        raise InternalError("a script must not name the tag that it stands in", value=name)
    digest = b64encode(sha256(text.encode()).digest()).decode("ascii")
    return Markup("<script>{}</script>").format(Markup(text)), f"'sha256-{digest}'"  # noqa: S704 - a file of ours
