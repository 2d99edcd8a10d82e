"""Requests to a server with OpenAI's API: several at once, made again when they fail, with the key in no message."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from belle_data.embed.openai_answers import Answer, WrongAnswerError, answer_of
from belle_data.errors import BelleError, InternalError, SourceError, UsageError
from belle_data.openai_server import KEY_VARIABLE, api_key, is_temporary, seconds_to_wait, time_to_wait, without_key
from belle_data.sources.optional import load

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from belle_data.embed.settings import EmbedderSettings

_WORTH_SAYING = 2.0
"""Seconds of waiting from which on the user is told."""
_WRONG_ANSWERS = 3
"""So many wrong answers to one request are not made up for by another."""
_TOO_MUCH = {400, 413, 422}


class Item:
    """A text to embed: its place in what was asked, the text, and the row that it is of."""

    __slots__ = ("place", "row", "text")

    def __init__(self, place: int, text: str, row: int) -> None:
        self.place = place
        self.text = text
        self.row = row


class _StoppedError(Exception):
    """Another request failed for good, so this one need not go on waiting."""


class _SplitError(Exception):
    """The server refuses several texts together."""


class _AgainError(Exception):
    """A request failed in a way that may pass."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class Requests:
    """What is asked of one server.

    Args:
        server: Its address, without anything secret.
        model: The model's name there.
        settings: `concurrency`, `timeout`, `patience` and `dimensions` count.
        notify: Is told of long waits.
    """

    def __init__(
        self, server: str, model: str, settings: EmbedderSettings, notify: Callable[[str], None] | None
    ) -> None:
        self._server = server
        self._model = model
        self._settings = settings
        self._notify = notify
        self._not_before = 0.0
        self._said_until = 0.0
        self._openai: Any = None
        self.dimensions = settings.dimensions
        self.tokens = 0

    def ask(self, chunks: Sequence[list[Item]], answered: Callable[[list[Item], Answer], None]) -> None:
        """Ask for the vectors of all chunks, a request for each.

        Args:
            chunks: None of them empty.
            answered: Is called with each answer as soon as it is there, from one other thread. A chunk may be
                answered in parts.

        Raises:
            BelleError: The first that failed for good. What was on its way then has been waited for.
        """
        self._openai = load("openai", f"the embedder openai:{self._model}")
        # A thread of its own, since the caller's may run an event loop already, as that of a notebook does.
        thread = _Thread(self._ask_all(iter(chunks), answered))
        thread.run()

    async def _ask_all(self, chunks: Iterator[list[Item]], answered: Callable[[list[Item], Answer], None]) -> None:
        stop = asyncio.Event()
        failures: list[BaseException] = []
        client = self._openai.AsyncOpenAI(
            api_key=api_key(self._server), base_url=self._server, timeout=self._settings.timeout, max_retries=0
        )

        async def work() -> None:
            for chunk in chunks:
                if stop.is_set():
                    return
                try:
                    await self._ask_chunk(client, chunk, answered, stop)
                except _StoppedError:
                    return
                except Exception as error:  # noqa: BLE001 - raised below, once the others have ended
                    failures.append(error)
                    stop.set()
                    return

        try:
            await asyncio.gather(*(work() for _ in range(self._settings.concurrency)))
        finally:
            await client.close()
        if failures:
            raise failures[0]

    async def _ask_chunk(
        self, client: Any, items: list[Item], answered: Callable[[list[Item], Answer], None], stop: asyncio.Event
    ) -> None:
        answer = await self._ask_until_answered(client, items, stop)
        if answer is not None:
            self.tokens += answer.tokens
            answered(items, answer)
            return
        # The server refuses the texts together: one of them may be at fault, or all may be too much.
        middle = len(items) // 2
        await self._ask_chunk(client, items[:middle], answered, stop)
        await self._ask_chunk(client, items[middle:], answered, stop)

    async def _ask_until_answered(self, client: Any, items: list[Item], stop: asyncio.Event) -> Answer | None:
        """Ask until there is an answer; None if the texts should be asked for in two parts."""
        gives_up = time.monotonic() + self._settings.patience
        failed = wrong = 0
        while True:
            await self._sleep(self._not_before - time.monotonic(), stop)
            try:
                answer = await self._ask_once(client, items)
            except _SplitError:
                return None
            except WrongAnswerError as error:
                reason, asked_to_wait = str(error), None
                wrong += 1
                if wrong >= _WRONG_ANSWERS:
                    raise SourceError(reason, path=self._server, hint=self._wrong_answer_hint()) from None
            except _AgainError as error:
                reason, asked_to_wait = error.reason, error.wait
            else:
                self.dimensions = answer.vectors.shape[1]
                return answer
            failed += 1
            wait = time_to_wait(asked_to_wait, failed)
            if time.monotonic() + wait > gives_up:
                raise self._gave_up(reason, asked_to_wait)
            self._say(reason, wait)
            await self._sleep(wait, stop)

    async def _ask_once(self, client: Any, items: list[Item]) -> Answer:
        asked: dict[str, Any] = {"model": self._model, "encoding_format": "base64"}
        if self._settings.dimensions is not None:
            asked["dimensions"] = self._settings.dimensions
        try:
            raw = await client.embeddings.with_raw_response.create(input=[item.text for item in items], **asked)
            content = raw.content
        except self._openai.APIStatusError as error:
            if error.status_code in _TOO_MUCH and len(items) > 1:
                raise _SplitError from None
            reason = self._reason(error)
            if not is_temporary(error.status_code, error.body):
                raise self._refused(error, reason, items) from None
            wait = seconds_to_wait(error.response.headers)
            if wait is not None:
                # The server means all of us.
                self._not_before = max(self._not_before, time.monotonic() + wait)
            raise _AgainError(reason, wait) from None
        except self._openai.APITimeoutError:
            raise _AgainError(f"no answer in {self._settings.timeout:g} s") from None
        except self._openai.APIConnectionError as error:
            raise _AgainError(f"no connection ({type(error.__cause__ or error).__name__})") from None
        except self._openai.OpenAIError as error:
            raise SourceError(without_key(str(error)), path=self._server) from None
        return answer_of(content, len(items), self.dimensions)

    async def _sleep(self, seconds: float, stop: asyncio.Event) -> None:
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(stop.wait(), seconds)
        except TimeoutError:
            return
        raise _StoppedError

    def _say(self, reason: str, wait: float) -> None:
        now = time.monotonic()
        # Requests fail together: one sentence for all.
        if self._notify is not None and wait >= _WORTH_SAYING and now >= self._said_until:
            self._said_until = now + wait
            self._notify(f"{self._server}: {reason}; asking again in {wait:.0f} s")

    def _reason(self, error: Any) -> str:
        body = error.body
        said = body.get("message") if isinstance(body, dict) else None
        return f"HTTP {error.status_code}" + (f", {without_key(str(said))}" if said else "")

    def _refused(self, error: Any, reason: str, items: list[Item]) -> BelleError:
        if error.status_code in {401, 403}:
            hint = f"check {KEY_VARIABLE}, and that its project may use the model {self._model}"
            return UsageError(f"the server does not let us in ({reason})", path=self._server, hint=hint)
        if error.status_code == 404:
            hint = "base_url ends where /embeddings is added, mostly in /v1; check the model's name too"
            return UsageError(f"the server has no such model or address ({reason})", path=self._server, hint=hint)
        if error.status_code == 429:
            hint = "what was answered is stored: pay or raise the limit, then run again"
            return SourceError(f"the server serves no more ({reason})", path=self._server, hint=hint)
        if error.status_code in _TOO_MUCH:
            hint = "if it is longer than the model takes, set max_characters; see also the settings of the embedder"
            message = (
                f"the server refuses the text of row {items[0].row:,} ({len(items[0].text):,} characters; {reason})"
            )
            return SourceError(message, path=self._server, hint=hint)
        return SourceError(f"the server refuses ({reason})", path=self._server, hint="see what it says")

    def _gave_up(self, reason: str, asked_to_wait: float | None) -> SourceError:
        message = f"the server did not answer in {self._settings.patience:,g} s of trying ({reason}"
        message += ")" if asked_to_wait is None else f"; it asks to wait {asked_to_wait:,.0f} s)"
        hint = "what was answered is stored: run again later, with a smaller concurrency or a larger patience"
        return SourceError(message, path=self._server, hint=hint)

    def _wrong_answer_hint(self) -> str:
        if self._settings.dimensions is None:
            return "what was answered before is stored; check that this server and model make embeddings"
        return "drop dimensions if this model has vectors of one length only"


class _Thread:
    """Runs a coroutine on a thread of its own; Ctrl-C in the caller's thread cancels it."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._done = threading.Event()

    def run(self) -> None:
        thread = threading.Thread(target=self._main, name="belle-embedding-requests", daemon=True)
        thread.start()
        try:
            self._done.wait()
        except BaseException:
            self._cancel()
            self._done.wait()
            raise
        finally:
            thread.join()
        if self._error is not None:
            raise self._error

    def _cancel(self) -> None:
        self._cancelled = True
        if self._loop is not None and self._task is not None and not self._done.is_set():
            self._loop.call_soon_threadsafe(self._task.cancel)

    def _main(self) -> None:
        try:
            asyncio.run(self._until_done())
        except asyncio.CancelledError:
            self._error = InternalError("the requests were cancelled by nobody")
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            self._error = error
        finally:
            self._done.set()

    async def _until_done(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        if self._cancelled:
            self._work.close()
        else:
            await self._work
