"""How near asking a judge comes to the rate that connections and latency allow.

A server in a process of its own replies to every request after so many milliseconds. What is possible is what a bare
client reaches against it: sockets that stay open, no library, nothing parsed. Both go in turn, several rounds.

    python benches/python/judge_rate.py --questions 1000 --connections 32 --latency 50 --rounds 5
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING

from belle_data.engine.progress import Silent
from belle_train.judge.asking import JudgeServer, Question, ask
from belle_train.judge.budget import Budget
from belle_train.judge.judge_server import Request
from belle_train.judge.replies import Reply
from belle_train.judge.reply_store import ReplyStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

PROMPT = "请评价下面的回答，先写理由，再给出零到一之间的得分。\n" * 12
REPLY = json.dumps(
    {
        "id": "1", "object": "chat.completion", "created": 1, "model": "judge",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "得分：0.8" * 40}}
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500},
    }
).encode()  # fmt: skip
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(REPLY), REPLY)


class _Serving(asyncio.Protocol):
    """Replies after the latency, counted from when the request is complete."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            self._got = b""
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, ANSWER)  # type: ignore[attr-defined]


def serve(latency: float, told: Connection) -> None:
    """Serve until killed; says its port first."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Serving(latency), "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def bare(port: int, bodies: list[bytes], connections: int) -> None:
    """Send all requests over so many sockets."""

    async def work(queue: Iterator[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in queue:
            writer.write(request)
            await reader.readexactly(len(ANSWER))
        writer.close()

    queue = iter(bodies)
    await asyncio.gather(*(work(queue) for _ in range(connections)))


def measure(arguments: argparse.Namespace, port: int) -> tuple[float, float, float]:
    """One round: requests per second of the bare client and of `ask`, and its CPU milliseconds per request."""
    server = JudgeServer("judge", f"http://127.0.0.1:{port}/v1", connections=arguments.connections)
    questions = [
        Question(f"{number}", ({"role": "user", "content": f"{PROMPT}{number}"},))
        for number in range(arguments.questions)
    ]
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n"
    requests = [json.dumps(Request(server, one, None).body, ensure_ascii=False).encode() for one in questions]
    bodies = [head.format(len(body)).encode() + body for body in requests]
    started = time.perf_counter()
    asyncio.run(bare(port, bodies, arguments.connections))
    possible = arguments.questions / (time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as folder, ReplyStore(folder) as store:
        started, cpu = time.perf_counter(), time.process_time()
        found = ask(server, questions, None, store, Budget(), Silent())
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert all(isinstance(one, Reply) for one in found)
    return possible, arguments.questions / seconds, 1000 * cpu / arguments.questions


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Rate of asking a judge, beside what is possible")
    for name, default in (("questions", 1000), ("connections", 32), ("latency", 50), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    os.environ.pop("OPENAI_API_KEY", None)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(arguments.latency / 1000, there), daemon=True)
    process.start()
    port = here.recv()
    print(
        f"{arguments.questions:,} questions, {arguments.connections} connections, {arguments.latency} ms; "
        f"at most {1000 * arguments.connections / arguments.latency:,.0f}/s"
    )
    # The package openai takes a second to load, once.
    measure(argparse.Namespace(questions=arguments.connections, connections=arguments.connections), port)
    ratios = []
    for number in range(1, arguments.rounds + 1):
        possible, reached, cpu = measure(arguments, port)
        ratios.append(reached / possible)
        print(f"round {number}: bare {possible:.0f}/s, ask {reached:.0f}/s ({cpu:.2f} ms CPU each), {ratios[-1]:.1%}")
    print(f"ratio: median {statistics.median(ratios):.1%}, least {min(ratios):.1%}, most {max(ratios):.1%}")
    process.terminate()


if __name__ == "__main__":
    main()
