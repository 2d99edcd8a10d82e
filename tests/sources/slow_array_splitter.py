"""A slow, obvious splitter of JSON arrays, with the interface of the native one; it checks brackets and commas only."""

import struct

BLANKS = b" \t\r\n"


class SplitError(ValueError):
    def __init__(self, message: str, line: int, byte: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.byte = byte


class SlowArraySplitter:
    def __init__(self) -> None:
        self._state = "before"
        self._byte = 0
        self._line = 1
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._element = bytearray()
        self._offsets: list[int] = []
        self._lines: list[int] = []

    def feed(self, data: bytes, /) -> bytes:
        output = bytearray()
        for value in data:
            character = bytes([value])
            if not (self._byte < 3 and character in b"\xef\xbb\xbf"):
                output += self._take(character)
            self._byte += 1
            self._line += character == b"\n"
        return bytes(output)

    def finish(self) -> bytes:
        if self._state != "after":
            self._fail("the array breaks off")
        return b""

    def positions(self) -> tuple[bytes, bytes]:
        count = len(self._offsets)
        return struct.pack(f"<{count}Q", *self._offsets), struct.pack(f"<{count}Q", *self._lines)

    def _fail(self, message: str) -> None:
        raise SplitError(message, self._line, self._byte)

    def _take(self, character: bytes) -> bytes:
        if self._state == "inside":
            return self._inside(character)
        if character in BLANKS:
            return b""
        if self._state == "before" and character == b"[":
            self._state = "first"
        elif self._state == "first" and character == b"]":
            self._state = "after"
        elif self._state in {"first", "next"} and character not in b",]":
            self._state = "inside"
            self._offsets.append(self._byte)
            self._lines.append(self._line)
            return self._inside(character)
        else:
            self._fail(f"{character!r} is not expected here")
        return b""

    def _inside(self, character: bytes) -> bytes:
        if self._in_string:
            self._in_string = self._escaped or character != b'"'
            self._escaped = not self._escaped and character == b"\\"
        elif character == b'"':
            self._in_string = True
        elif character in b"[{":
            self._depth += 1
        elif self._depth == 0 and character in b",]":
            self._state = "next" if character == b"," else "after"
            line = bytes(self._element).strip(BLANKS) + b"\n"
            self._element.clear()
            return line
        elif character in b"]}":
            self._depth -= 1
        self._element += b" " if character in b"\r\n" else character
        return b""
