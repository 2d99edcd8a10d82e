"""Keeps libraries from writing between the results of a command."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Lead to standard error what libraries print, and show none of transformers' progress bars.

    DeepSpeed, which transformers import where it is installed, logs to standard output.
    """
    with contextlib.redirect_stdout(sys.stderr):
        from transformers.utils import logging  # noqa: PLC0415 - seconds

        shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if shown:
                logging.enable_progress_bar()
