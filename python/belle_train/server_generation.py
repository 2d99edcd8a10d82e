"""Answers prompts through a server with OpenAI's API for chats, several at a time."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from belle_data.errors import SourceError, UsageError
from belle_data.openai_server import KEY_VARIABLE, check_address
from belle_train.answers_file import LENGTH, STOP, failed, row_seed
from belle_train.generation import without_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from belle_data.engine.progress import Listener
    from belle_train.generation import Sampling
    from belle_train.prompts import Prompt

MOST_CONNECTIONS = 1024
_DETAIL = 200
_REFUSED = {401: "the key is refused", 403: "the key may not do this", 404: "there is no such path or model"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how it is asked.

    Attributes:
        url: Its address up to ``/v1``.
        model: The model that it is asked for.
        connections: Requests at a time.
        timeout: Seconds that an answer may take.
        retries: How often a request is made again, with growing pauses, before its row gets an error.
    """

    url: str
    model: str
    connections: int = 8
    timeout: float = 600.0
    retries: int = 4

    def check(self) -> None:
        """Refuse an address or a number that means nothing.

        Raises:
            UsageError: It does.
        """
        check_address(self.url)
        if not 1 <= self.connections <= MOST_CONNECTIONS:
            raise UsageError(f"connections are 1 to {MOST_CONNECTIONS:,}", value=self.connections)
        if not self.timeout > 0:
            raise UsageError("a time-out is more than 0 seconds", value=self.timeout)
        if find_spec("openai") is None:
            hint = "make setup-train, or pip install 'belle-data[openai]'"
            raise UsageError("servers are asked with the package openai, which is not installed", hint=hint)

    def answer(
        self,
        prompts: Sequence[tuple[int, Prompt]],
        sampling: Sampling,
        put: Callable[[int, dict[str, Any]], object],
        listener: Listener,
    ) -> None:
        """Ask about prompts; every row gets an answer, or an error with its reason.

        Args:
            prompts: Places and prompts, in their order.
            sampling: How answers are drawn; a server may draw otherwise from the same seed.
            put: Is given place and answer, in the order in which they come.
            listener: Is told about the progress.

        Raises:
            UsageError: The server refuses the key, or has no such model.
            SourceError: It cannot be reached at all.
        """
        listener.begin("generate", len(prompts), "rows")
        asyncio.run(_Asking(self, sampling, put, listener).all(prompts))
        listener.end(f"{len(prompts):,} rows")


class _Asking:
    """One run through prompts: workers that take the next prompt as soon as they are free."""

    def __init__(
        self, server: Server, sampling: Sampling, put: Callable[[int, dict[str, Any]], object], listener: Listener
    ) -> None:
        self._server, self._sampling, self._put, self._listener = server, sampling, put, listener
        self._key = os.environ.get(KEY_VARIABLE)
        self._done = 0
        self._reached = False
        self._unreached: list[tuple[int, dict[str, Any]]] = []

    async def all(self, prompts: Sequence[tuple[int, Prompt]]) -> None:
        import openai  # noqa: PLC0415 - a second

        client = openai.AsyncOpenAI(
            base_url=self._server.url,
            # Servers of one's own ask for none, and the package wants one.
            api_key=self._key or "none",
            timeout=self._server.timeout,
            max_retries=self._server.retries,
        )
        queue = iter(prompts)
        async with client:
            tasks = [asyncio.create_task(self._work(client, queue)) for _ in range(self._server.connections)]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        self._release()

    async def _work(self, client: Any, queue: Iterator[tuple[int, Prompt]]) -> None:
        for place, prompt in queue:
            answer = without_answer(prompt) or await self._one(client, prompt)
            if answer.get("error") == "connection" and not self._reached:
                # Held back: a server that is not there is one mistake of the user, not one of each row.
                self._unreached.append((place, answer))
                if len(self._unreached) >= 2 * self._server.connections:
                    break
            else:
                self._put(place, answer)
            self._done += 1
            self._listener.update(self._done)

    def _release(self) -> None:
        if self._unreached and not self._reached:
            detail = self._unreached[0][1].get("detail")
            hint = "see that it runs, and that the address ends as the server says, mostly with /v1"
            raise SourceError(f"the server cannot be reached ({detail})", path=self._server.url, hint=hint)
        for place, answer in self._unreached:
            self._put(place, answer)

    async def _one(self, client: Any, prompt: Prompt) -> dict[str, Any]:
        import openai  # noqa: PLC0415 - loaded by then

        temperature = self._sampling.temperature
        try:
            reply = await client.chat.completions.create(
                model=self._server.model,
                messages=[dict(turn) for turn in prompt.turns],
                temperature=0 if temperature is None else temperature,
                max_tokens=self._sampling.max_new_tokens,
                # Servers take seeds of 31 bits.
                seed=row_seed(self._sampling.seed, prompt.row) >> 32,
            )
        except openai.APITimeoutError:
            return failed("timeout")
        except openai.APIStatusError as error:
            self._reached = True
            if error.status_code in _REFUSED:
                raise UsageError(
                    f"{_REFUSED[error.status_code]} ({error.status_code}: {self._shown(error)})", path=self._server.url
                ) from None
            return failed(f"status_{error.status_code}", self._shown(error))
        except openai.APIConnectionError as error:
            return failed("connection", self._shown(error.__cause__ or error))
        except (openai.OpenAIError, ValueError, TypeError) as error:
            self._reached = True
            return failed("invalid_reply", self._shown(error))
        self._reached = True
        return _answer_of(reply)

    def _shown(self, error: BaseException) -> str:
        """What an error says, short, and never the key."""
        text = str(error)
        if self._key:
            text = text.replace(self._key, "…")
        return text[:_DETAIL] or type(error).__name__


def _answer_of(reply: Any) -> dict[str, Any]:
    """The answer in a reply, of which nothing is sure but that it was JSON."""
    try:
        choice = reply.choices[0]
        text, finish = choice.message.content, choice.finish_reason
    except (AttributeError, IndexError, TypeError, KeyError):
        return failed("invalid_reply", "there is no choice in it")
    if not isinstance(text, str):
        return failed("invalid_reply", "there is no text in it")
    usage = getattr(reply, "usage", None)
    counts = {
        name: count if isinstance(count := getattr(usage, key, None), int) else None
        for name, key in (("prompt_tokens", "prompt_tokens"), ("answer_tokens", "completion_tokens"))
    }
    if finish in {STOP, LENGTH}:
        return {"answer": text, "finish": finish, **counts}
    return {**failed(f"finish_{finish}"), "answer": text, **counts}
