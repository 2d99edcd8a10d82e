"""A server with OpenAI's API for embeddings on this machine, with vectors that mean something; it fails when told to.

A vector counts the pairs of neighbouring characters of the text, by their hashes: equal texts have equal vectors, and
texts that share much are near.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import deque
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

DIMENSIONS = 64
Fault = tuple[int, dict[str, str], Any]
"""Status, headers and body of an answer that is no success."""


def vector_of(text: str, dimensions: int = DIMENSIONS) -> npt.NDArray[np.float32]:
    vector = np.zeros(dimensions, np.float32)
    for first, second in zip("\0" + text, text + "\0", strict=True):
        hashed = int.from_bytes(blake2b((first + second).encode(), digest_size=8).digest(), "little")
        vector[hashed % dimensions] += 1 if hashed >> 63 else -1
    return vector if vector.any() else vector + 1


def unit(text: str, dimensions: int = DIMENSIONS) -> npt.NDArray[np.float64]:
    vector = vector_of(text, dimensions).astype(np.float64)
    wanted: npt.NDArray[np.float64] = vector / np.linalg.norm(vector)
    return wanted


class EmbeddingServer:
    """The server, and what was asked of it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.requests = 0
        self.times: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.busiest = 0
        self.delay = 0.0
        self.base64 = True
        self.faults: deque[Fault | str] = deque()
        """What the next requests meet: an answer, or the name of a way to break off."""
        self.refuses: Callable[[list[str]], Fault | None] = lambda _: None
        self.changes: Callable[[dict[str, Any]], object] = lambda body: body
        """Makes another body of a good one."""
        self._busy = 0
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"embeddings": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def enter(self, headers: dict[str, str], texts: list[str]) -> Fault | str | None:
        """Note a request, and say what it meets; None for a good answer."""
        with self.lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            self.requests += 1
            self.times.append(time.monotonic())
            self.headers.append(headers)
            fault = self.faults.popleft() if self.faults else self.refuses(texts)
            if fault is None:
                self.texts += texts
            return fault

    def leave(self) -> None:
        with self.lock:
            self._busy -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    embeddings: EmbeddingServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.embeddings
        fault = server.enter({key.lower(): value for key, value in self.headers.items()}, asked["input"])
        try:
            time.sleep(server.delay)
            if self.path != "/v1/embeddings":
                self._answer(404, {}, {"error": {"message": "no such path"}})
            elif fault is None:
                self._answer(200, {}, server.changes(self._body(asked)))
            elif isinstance(fault, str):
                self._break_off(fault, asked)
            else:
                self._answer(*fault)
        except ConnectionError:
            # Who asked has been killed.
            self.close_connection = True
        finally:
            server.leave()

    def _body(self, asked: dict[str, Any]) -> dict[str, Any]:
        data = []
        for index, text in enumerate(asked["input"]):
            vector = vector_of(text, asked.get("dimensions", DIMENSIONS))
            written: object = vector.tolist()
            if self.embeddings.base64 and asked.get("encoding_format") == "base64":
                written = base64.b64encode(vector.astype("<f4").tobytes()).decode()
            data.append({"object": "embedding", "index": index, "embedding": written})
        tokens = sum(len(text) for text in asked["input"])
        return {"object": "list", "data": data, "model": asked["model"], "usage": {"prompt_tokens": tokens}}

    def _answer(self, status: int, headers: dict[str, str], body: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _break_off(self, how: str, asked: dict[str, Any]) -> None:
        self.close_connection = True
        if how == "half":
            content = json.dumps(self._body(asked)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        elif how == "slow":
            time.sleep(1.5)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
