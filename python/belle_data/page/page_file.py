"""Where a page is written: refused before the work begins where it would write over data, whole when it appears."""

from __future__ import annotations

import os
from pathlib import Path

from belle_data.errors import RunFolderError, UsageError


def check_page(path: str, flag: str) -> None:
    """Refuse a place for a page.

    Args:
        path: The file.
        flag: The option that named it, with an example, for the hint.

    Raises:
        UsageError: The name does not end in ``.html``, so that no data is written over, or its folder is not there.
    """
    if not path.lower().endswith((".html", ".htm")):
        raise UsageError("the name of the page must end in .html", value=path, hint=f"such as {flag}")
    if Path(path).is_dir() or not Path(path).absolute().parent.is_dir():
        raise UsageError("the page cannot be written there", path=path, hint="name a file in a folder that is there")


def write_page(text: str, path: str, flag: str = "--html") -> None:
    """Write a page; it appears when it is whole, and replaces one that is there.

    Raises:
        RunFolderError: It cannot be written.
    """
    temporary = Path(f"{path}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(text.encode("utf-8", "backslashreplace"))
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = f"name another file with {flag}"
        raise RunFolderError(f"cannot write here ({reason})", path=path, hint=hint) from None
    finally:
        temporary.unlink(missing_ok=True)
