"""Folders for what is needed only while something is worked out."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def temporary_folder(prefix: str, where: str | Path | None = None) -> Iterator[str]:
    """A new folder, which is gone afterwards, also if Ctrl-C is pressed while it is removed.

    Args:
        prefix: Its name starts with this.
        where: The folder that it is made in; None for the system's for temporary files.

    Raises:
        OSError: It cannot be made or removed.
    """
    folder = tempfile.TemporaryDirectory(prefix=prefix, dir=where)
    try:
        with folder as name:
            yield name
    finally:
        # An interrupted removal is not gone on with by itself.
        shutil.rmtree(folder.name, ignore_errors=True)
