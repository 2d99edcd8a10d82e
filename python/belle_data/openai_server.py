"""What all that ask a server with OpenAI's API have in common: its address, the key, and how long to wait."""

from __future__ import annotations

import os
import random
import re
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from belle_data.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_SERVER = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
SHOWN_REASON = 300
"""Characters of what a server says that a message shows."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
_TEMPORARY = {408, 409, 425, 429}
_KEY_LIKE = re.compile(r"\b(sk|pk|rk)-[\w*.\-]{3,}")


def check_address(url: str) -> None:
    """Refuse what is no address of a server, or has a secret in it.

    Raises:
        UsageError: It is so.
    """
    try:
        parts = urlsplit(url)
        # A port that is none is found when it is asked for.
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        known = known and url.isprintable() and " " not in url
    except ValueError:
        parts, known = urlsplit(""), False
    if not known:
        hint = "such as http://localhost:8000/v1"
        raise UsageError("a server is an address with http or https", value=url, hint=hint)
    if parts.username or parts.password or parts.query or parts.fragment:
        # Not shown: it may be a secret.
        raise UsageError(
            "the address of a server has neither user nor query", hint=f"a key is read from {KEY_VARIABLE}"
        )


def api_key(server: str) -> str:
    """Read the key of the environment; a server of one's own may need none.

    Raises:
        UsageError: There is none for OpenAI's server, or it cannot be sent. The key is in no message.
    """
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key and server == OWN_SERVER:
        hint = f"put the key into {KEY_VARIABLE}, or name a server of your own"
        raise UsageError(f"the environment has no {KEY_VARIABLE}", hint=hint)
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"{KEY_VARIABLE} has characters that no key has", hint="copy it again")
    return key or "none"


def without_key(text: str) -> str:
    """What a server says, cut short, with stars for the key and whatever looks like one."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    text = text.replace(key, "***") if key else text
    return _KEY_LIKE.sub("***", text)[:SHOWN_REASON]


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`: seconds, or a date of HTTP; None without it, or if it is neither."""
    said = headers.get("retry-after-ms")
    try:
        if said is not None:
            return _sane(float(said) / 1000)
        said = headers.get("retry-after")
        if said is None:
            return None
        return _sane(float(said))
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(str(said)).timestamp() - time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _sane(seconds: float) -> float | None:
    return seconds if 0 <= seconds < float("inf") else None


def time_to_wait(asked: float | None, failed: int) -> float:
    """Choose the seconds before a request is made again that has failed so often."""
    if asked is not None:
        return asked + random.uniform(0, min(0.1 * asked, 1.0))  # noqa: S311 - no secret
    # Anything up to the limit: requests that failed together must not come back together.
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failed, 16)))  # noqa: S311 - no secret


def quota_is_spent(status: int, body: Any) -> bool:
    """Tell whether a server serves no more on this account; no waiting helps, though the status may say so."""
    if not isinstance(body, dict):
        return status == 402
    return status == 402 or "insufficient_quota" in (body.get("code"), body.get("type"))


def is_temporary(status: int, body: Any) -> bool:
    """Tell whether what a server refused may pass when it is asked again."""
    return not quota_is_spent(status, body) and (status in _TEMPORARY or status >= 500)
