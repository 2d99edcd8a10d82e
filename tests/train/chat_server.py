"""A server with OpenAI's API for chats on this machine; it fails when told to, and may answer with a real model."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Fault = tuple[int, Any] | str
"""Status and body of an answer that is no success, or the name of a way to break off."""


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
        self.busiest = 0
        self.delay = 0.0
        self.faults: deque[Fault] = deque()
        """What the next requests meet."""
        self.refuses: Callable[[dict[str, Any]], Fault | None] = lambda _: None
        self._busy = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"chat": self})
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

    def enter(self, headers: dict[str, str], asked: dict[str, Any]) -> Fault | None:
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            self.headers.append(headers)
            self.asked.append(asked)
            return self.faults.popleft() if self.faults else self.refuses(asked)

    def leave(self) -> None:
        with self._lock:
            self._busy -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chat: ChatServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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
            self.chat.leave()

    def _answer(self, status: int, body: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Retry-After-Ms", "1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _break_off(self, how: str) -> None:
        self.close_connection = True
        if how == "half":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
        elif how == "slow":
            time.sleep(1.0)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
