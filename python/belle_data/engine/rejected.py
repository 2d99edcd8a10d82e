"""Lines that are no rows: written down one by one, counted, and where many have one cause, told what to do about it."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from belle_data.engine.corpus import OpenSource

EXCERPT_BYTES = 200
_HEAD_BYTES = 1 << 16
_LONGEST_LINE = 1 << 20
"""Bytes of a line that is looked at again for a hint."""
_CHINESE = ((0x3000, 0x303F), (0x4E00, 0x9FFF), (0xFF00, 0xFFEF))
_CHINESE_SIGNS = "“”‘’—…·"


@dataclass(slots=True)
class RejectedLines:
    """The lines of one source that are no rows."""

    one: OpenSource
    reasons: Counter[str] = field(default_factory=Counter)
    """How many lines, by reason."""
    first: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The first line of each reason."""

    def write(self, handle: BinaryIO, rejected: Any) -> None:
        """Write a line for each line of a batch of rejected ones."""
        for line in rejected.to_pylist():
            entry = {"file": self.one.source.name, **line}
            if self.one.local.positions is None:
                start = line["byte"]
                excerpt = bytes(self.one.buffer[start : start + min(line["length"], EXCERPT_BYTES)])
                entry["excerpt"] = excerpt.decode("utf-8", "backslashreplace")
            handle.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            self.reasons[line["reason"]] += 1
            self.first.setdefault(line["reason"], line)

    def hint(self, format_given: str) -> str | None:
        """What to do, if the most frequent reason has a cause that can be told; `format_given` is the recipe's."""
        reason = self.reasons.most_common(1)[0][0] if self.reasons else None
        if reason is None or reason == "not_json":
            return self._other_lines() if reason else None
        line = self._line(self.first[reason])
        name, number = self.one.source.name, self.first[reason]["line"]
        if reason == "invalid_utf8":
            convert = "must be UTF-8: convert it, for example with iconv -f GB18030 -t UTF-8"
            return f"{name} looks like GBK or GB18030 and {convert}" if is_gbk(line) else None
        from belle_data import _native  # noqa: PLC0415 - the command line must answer before it is loaded

        shape = _native.detect_format(line) if line else None
        if reason not in {"missing_field", "wrong_type"} or shape in {None, "mixed", self.one.format}:
            return None
        if format_given != "auto":
            return f"line {number} of {name} is {shape}: leave out --format {format_given}, or name --format {shape}"
        return (
            f"the first rows of {name} are {self.one.format} and line {number} is {shape}: "
            "read every row by its own shape with --format mixed"
        )

    def _other_lines(self) -> str | None:
        """What to do about text that is not lines of JSON, if its first bytes tell what it is."""
        name, head = self.one.source.name, bytes(self.one.buffer[:_HEAD_BYTES])
        first, return_, rest = head.partition(b"\r")
        if return_ and b"\n" not in head and first.strip().endswith(b"}") and rest.lstrip()[:1] in {b"{", b""}:
            return f"the lines of {name} end in CR alone: convert them, for example with tr '\\r' '\\n'"
        columns = head.split(b"\n", 1)[0]
        if b"{" not in columns and (b"," in columns or b"\t" in columns or name.lower().endswith((".csv", ".tsv"))):
            return f"{name} looks like CSV or TSV: write its rows as JSON lines, with a name before each value"
        return None

    def _line(self, entry: dict[str, Any]) -> bytes:
        """The bytes of a rejected line; none of one that is very long."""
        if entry["length"] > _LONGEST_LINE:
            return b""
        start = entry["byte"]
        if self.one.local.positions is not None:
            with memoryview(self.one.local.positions[0]).cast("Q") as starts:
                before = bisect_left(starts, start)
            start = 0
            for _ in range(before):
                start = self.one.buffer.find(b"\n", start) + 1
        return bytes(self.one.buffer[start : start + entry["length"]])


def is_gbk(line: bytes) -> bool:
    """Tell whether a line that is no UTF-8 is Chinese in GBK or GB18030, rather than UTF-8 with a few bad bytes."""
    foreign = sum(byte >= 0x80 for byte in line)
    # Chinese in UTF-8 that lost a byte reads as rare characters of GBK, but most of it is still UTF-8.
    kept = sum(len(one.encode()) for one in line.decode("utf-8", "ignore") if not one.isascii())
    if 2 * kept > foreign:
        return False
    try:
        text = [one for one in line.decode("gb18030") if not one.isascii()]
    except UnicodeDecodeError:
        return False
    chinese = sum(one in _CHINESE_SIGNS or any(low <= ord(one) <= high for low, high in _CHINESE) for one in text)
    # Two bytes of anything are a character of GBK more often than not.
    return len(text) > 1 and 10 * chinese >= 9 * len(text)
