"""A server with OpenAI's API for chats on this machine; it fails when told to, and may answer with a real model."""

from __future__ import annotations

import json
import select
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Fault = tuple[int, Any] | tuple[int, Any, dict[str, str]] | str
"""Status, body and headers of an answer, or the name of a way to break off: cut, half, slow."""
SOON = {"Retry-After-Ms": "1"}


def echo(asked: dict[str, Any]) -> dict[str, Any]:
    """A reply that says the last turn again."""
    text = asked["messages"][-1]["content"]
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": asked["model"],
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": f"回答：{text}"}}
        ],
        "usage": {"prompt_tokens": len(text), "completion_tokens": len(text) + 3, "total_tokens": 2 * len(text) + 3},
    }  # fmt: skip


class ChatServer:
    """The server, and what was asked of it."""

    def __init__(self, reply: Callable[[dict[str, Any]], Any] = echo) -> None:
        self.reply = reply
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        """When each request was there, by `time.monotonic`."""
        self.busiest = 0
        self.delay = 0.0
        self.faults: deque[Fault] = deque()
        """What the next requests meet."""
        self.refuses: Callable[[dict[str, Any]], Fault | None] = lambda _: None
        self._busy = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"chat": self})
        self._http = _Quiet(("127.0.0.1", 0), handler)
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

    def enter(self, headers: dict[str, str], asked: dict[str, Any]) -> Fault | None:
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            self.headers.append(headers)
            self.asked.append(asked)
            self.times.append(time.monotonic())
            return self.faults.popleft() if self.faults else self.refuses(asked)

    def leave(self) -> None:
        with self._lock:
            self._busy -= 1


class _Quiet(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away: some are killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go in two pieces, of which the second would wait for an acknowledgement.
    disable_nagle_algorithm = True
    chat: ChatServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.inside = True
        fault = self.chat.enter({key.lower(): value for key, value in self.headers.items()}, asked)
        try:
            time.sleep(self.chat.delay)
            if self.path != "/v1/chat/completions":
                self._answer(404, {"error": {"message": "no such path"}})
            elif fault is None:
                self._answer(200, self.chat.reply(asked))
            elif isinstance(fault, str):
                self._break_off(fault)
            else:
                self._answer(*fault)
        except ConnectionError:
            self.close_connection = True
        finally:
            self._leave()

    def _leave(self) -> None:
        """Count the request as over before its answer leaves, since the next may come before this thread goes on."""
        if self.inside:
            self.inside = False
            self.chat.leave()

    def _answer(self, status: int, body: object, headers: dict[str, str] = SOON) -> None:
        self._leave()
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _break_off(self, how: str) -> None:
        self.close_connection = True
        if how == "slow":
            # Until the client goes, so that it is not counted as busy with this any longer.
            select.select([self.connection], [], [], 10.0)
        self._leave()
        if how == "half":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')

    def log_message(self, *_: object) -> None:
        """Say nothing."""
