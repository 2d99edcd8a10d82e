"""Asks a judge: every question ends as a reply or as a reason why there is none."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from belle_data.errors import BelleError, InternalError, SourceError, UsageError
from belle_data.openai_server import KEY_VARIABLE, api_key, seconds_to_wait, time_to_wait, without_key
from belle_train.judge.budget import Tokens
from belle_train.judge.chat_reply import FILTERED, InvalidReplyError, refusal_of, reply_of
from belle_train.judge.estimate import Estimate, estimate
from belle_train.judge.judge_server import JudgeServer, Question, Request, decision_key, prepared
from belle_train.judge.pace import Pace
from belle_train.judge.replies import Missing, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from belle_data.engine.progress import Listener
    from belle_train.judge.budget import Budget
    from belle_train.judge.replies import Schema
    from belle_train.judge.reply_store import ReplyStore

__all__ = ["Estimate", "JudgeServer", "Question", "ask", "estimate"]

_NO_SCHEMA = {400, 404, 422, 501}
"""How servers refuse structured output that they do not know."""
_TRIES_OF_SCHEMA = 3
"""So many questions are asked one after the other to find out, then the schema is sent along."""
_RETRIES_UNREACHED = 3
_CONNECT_SECONDS = 10.0
_CONNECTIONS_OF_A_CLIENT = 4
"""The HTTP library looks at all connections of a client before and after each request."""
_ABOUT_US = ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
"""Headers of the package that tell about this machine: no server needs them, and they cost a tenth of a request."""
_WORTH_SAYING = 2.0
"""Seconds of waiting from which on the user is told."""
_SHORTEST_SECRET = 8
"""Characters from which on a key is looked for in replies; local servers take such as ``EMPTY``."""
_LET_IN = {
    401: "the server refuses the key",
    403: "the server does not let this key in",
    404: "the server has no such model or address",
    **dict.fromkeys((301, 302, 303, 307, 308), "the server sends us to another address"),
}
_NOTHING = Tokens()


def ask(
    server: JudgeServer,
    questions: Sequence[Question],
    schema: Schema | None,
    store: ReplyStore,
    budget: Budget,
    listener: Listener,
) -> list[Reply | Missing]:
    """Ask all questions that have no stored reply, several at a time.

    Each reply is stored as it comes; when all are there, the store is put in the order of the questions. An
    interruption loses no reply that was there.

    Args:
        server: Which is asked.
        questions: What is asked; equal ones share a request. None give an empty list.
        schema: Which form replies have, sent along as `JudgeServer.structured` says; None for free text.
        store: Open.
        budget: What may be spent. What was spent for the store before counts.
        listener: Is told about the progress, and of long waits.

    Returns:
        For each question its reply or the reason why there is none, in the order of the questions. A reply may have no
        text.

    Raises:
        UsageError: A setting means nothing; what asking needs is missing; or the server, which has not replied yet,
            refuses the key or has no such model.
        SourceError: It cannot be reached at all.
        RunFolderError: Replies cannot be stored.
    """
    server.check()
    budget.remember(str(store.path), store.spent_before)
    requests, settled = prepared(server, questions, schema, store)
    run = _Run(server, store, budget, listener)
    if any(store.get(request.key) is None for request in requests):
        server.check_ready()
        # What libraries have loaded is no garbage; looking at it again and again takes a tenth of the time.
        gc.freeze()
        try:
            requests = asyncio.run(run.all(requests, None if settled else schema))
        finally:
            gc.unfreeze()
    store.finish([request.key for request in requests])
    return [run.result(request.key) for request in requests]


class _Failed(NamedTuple):
    """An attempt that may be made again."""

    reason: str
    detail: str
    asked: float | None = None
    """Seconds that the server asks to wait."""
    unreached: bool = False
    """Nothing was sent, since there was no connection."""


class _SchemaRefusedError(Exception):
    """The server refuses a request that has a schema, maybe for it."""


class _Run:
    """One run through questions: workers that take the next as soon as they are free."""

    def __init__(self, server: JudgeServer, store: ReplyStore, budget: Budget, listener: Listener) -> None:
        self._server, self._store, self._budget, self._listener = server, store, budget, listener
        key = os.environ.get(KEY_VARIABLE, "").strip()
        self._secret = key if len(key) >= _SHORTEST_SECRET else None
        self._missing: dict[str, Missing] = {}
        self._pace = Pace(server.requests_per_minute, server.tokens_per_minute)
        self._turn = asyncio.Lock()
        self._settled = asyncio.Event()
        self._not_before = self._said_until = 0.0
        self._done = 0
        self._reached = self._replied = self._ended = self._said_model = False
        # Whole, or the package would put it together each time.
        self._address = f"{server.url}/chat/completions"
        self._spent_quota: Missing | None = None
        self._openai: Any = None
        self._response: Any = None
        self._clients: list[Any] = []
        """One for each connection that is free; a few connections share a client."""

    def result(self, key: str) -> Reply | Missing:
        """What became of a request."""
        reply = self._store.get(key)
        if reply is not None:
            if reply.finish == FILTERED:
                return Missing("filtered")
            # Kept as it is: whether its model counts can be said otherwise later, without asking again.
            return reply if self._server.accepts(reply.model) else self._wrong_model(str(reply.model))
        try:
            return self._missing[key]
        except KeyError:
            raise InternalError("a question was not asked", value=key) from None

    async def all(self, requests: list[Request], schema: Schema | None) -> list[Request]:
        """Make the requests that have no reply.

        Args:
            requests: For each question.
            schema: What they have with them if it is open whether the server takes it, else None.

        Returns:
            The requests that were made or have a reply, for each question.
        """
        before = len(self._store)
        async with AsyncExitStack() as stack:
            for client in self._made_clients():
                await stack.enter_async_context(client)
            self._listener.begin("judge", len(self._open_ones(requests)), "replies")
            if schema is not None:
                requests = await self._settle_schema(requests, schema)
            pending = self._open_ones(requests)
            queue = iter(pending)
            workers = min(self._server.connections, len(pending))
            tasks = [asyncio.create_task(self._work(queue)) for _ in range(workers)]
            try:
                await asyncio.gather(*tasks)
            except BelleError:
                self._ended = True
                raise
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.end(f"{len(self._store) - before:,} replies")
        return requests

    def _made_clients(self) -> Iterator[Any]:
        import openai  # noqa: PLC0415 - a second

        # The package's own HTTP library has another name in its newer versions.
        names = [one.__module__.split(".")[0] for one in openai.DefaultAsyncHttpxClient.__mro__]
        library = sys.modules[next(name for name in names if name.startswith("httpx"))]
        self._openai, self._response = openai, library.Response
        timeout = openai.Timeout(self._server.timeout, connect=min(self._server.timeout, _CONNECT_SECONDS))
        # Reading the certificates takes as long as fifty requests, and without TLS there is nothing to verify.
        certificates = library.create_ssl_context() if self._server.url.lower().startswith("https:") else False
        # Older versions of the package cannot leave headers out.
        left_out = {f"X-Stainless-{name}": openai.Omit() for name in _ABOUT_US} if hasattr(openai, "Omit") else {}
        left = self._server.connections
        try:
            library.URL(self._address)
        except library.InvalidURL as error:
            message = f"the address of the server cannot be asked ({error})"
            raise UsageError(message, path=self._server.url, hint="such as http://localhost:8000/v1") from None
        while left:
            connections = min(left, _CONNECTIONS_OF_A_CLIENT)
            left -= connections
            client = openai.AsyncOpenAI(
                # Said even for OpenAI's own, for which the package would look into the environment.
                base_url=self._server.url,
                api_key=api_key(self._server.url),
                timeout=timeout,
                max_retries=0,
                default_headers=left_out,
                http_client=openai.DefaultAsyncHttpxClient(
                    timeout=timeout,
                    limits=library.Limits(max_connections=connections, max_keepalive_connections=connections),
                    verify=certificates,
                    # To where a server sends us, the key must not go.
                    follow_redirects=False,
                ),
            )
            self._clients += [client] * connections
            yield client

    def _open_ones(self, requests: list[Request]) -> list[Request]:
        found = {one.key: one for one in requests if self._store.get(one.key) is None and one.key not in self._missing}
        return list(found.values())

    async def _settle_schema(self, requests: list[Request], schema: Schema) -> list[Request]:
        """Ask questions one after the other until one shows whether the server takes a schema."""
        key = decision_key(self._server, schema)
        for request in self._open_ones(requests)[:_TRIES_OF_SCHEMA]:
            try:
                taken = self._shows(await self._ask(request, trying=True))
                decision = True
            except _SchemaRefusedError:
                plain = Request(self._server, request.question, None)
                found = self._store.get(plain.key) or await self._ask(plain)
                taken = self._shows(found)
                decision = False
                if not taken and isinstance(found, Missing):
                    self._missing[request.key] = found
            if taken:
                self._store.decide(key, decision)
                break
        else:
            decision = True
        return requests if decision else [Request(self._server, request.question, None) for request in requests]

    @staticmethod
    def _shows(found: Reply | Missing) -> bool:
        return isinstance(found, Reply) or found.reason in {"filtered", "wrong_model"}

    async def _work(self, queue: Iterator[Request]) -> None:
        for request in queue:
            await self._ask(request)

    async def _ask(self, request: Request, *, trying: bool = False) -> Reply | Missing:
        """Ask one question until there is a reply or a reason; both are kept."""
        found = await self._until_over(request, trying=trying)
        if isinstance(found, Missing) and self._store.get(request.key) is None:
            self._missing[request.key] = found
        self._done += 1
        self._listener.update(self._done)
        return found

    async def _until_over(self, request: Request, *, trying: bool) -> Reply | Missing:
        gives_up = 0.0
        failed = 0
        while True:
            outcome: Reply | Missing | _Failed | None = self._spent_quota or await self._wait_for_server()
            if outcome is None and not await self._reserve(request.most):
                outcome = Missing("budget")
            if outcome is None:
                outcome = await self._attempt(request, trying=trying)
            if not isinstance(outcome, _Failed):
                return outcome
            failed += 1
            if failed == 1:
                gives_up = time.monotonic() + self._server.patience
            if outcome.unreached and not self._reached and failed > min(self._server.retries, _RETRIES_UNREACHED):
                hint = "see that it runs, and that the address ends as the server says, mostly with /v1"
                raise SourceError(f"the server cannot be reached ({outcome.detail})", path=self._server.url, hint=hint)
            wait = time_to_wait(outcome.asked, failed)
            if failed > self._server.retries or time.monotonic() + wait > gives_up:
                more = "" if outcome.asked is None else f"; it asks to wait {outcome.asked:,.0f} s"
                return Missing(outcome.reason, outcome.detail + more)
            self._say(outcome.detail, wait)
            await asyncio.sleep(wait)

    async def _wait_for_server(self) -> Missing | None:
        """Wait as long as the server asked for, which means all requests; not longer than the patience."""
        while (wait := self._not_before - time.monotonic()) > 0:
            if wait > self._server.patience:
                return Missing("rate_limit", f"the server asks to wait {wait:,.0f} s")
            await asyncio.sleep(wait + random.uniform(0, min(0.1 * wait, 1.0)))  # noqa: S311 - no secret
        return None

    async def _reserve(self, most: Tokens) -> bool:
        # In turn: a small question must not take what a large one before it waits for.
        async with self._turn:
            while not self._budget.reserve(most):
                if not self._budget.in_flight:
                    return False
                self._settled.clear()
                await self._settled.wait()
        return True

    async def _attempt(self, request: Request, *, trying: bool) -> Reply | Missing | _Failed:
        """Send a request once; whatever becomes of it, the budget knows what it cost."""
        spent, stored, sent = _NOTHING, False, False
        booking = None
        try:
            booking = await self._pace.leave(request.most.total)
            instead = self._spent_quota or await self._wait_for_server()
            if instead is not None:
                return instead
            sent = True
            outcome, spent = await self._send(request, trying=trying)
            if not isinstance(outcome, Reply):
                return outcome
            self._store.put(request.key, outcome, spent)
            stored = True
            return self.result(request.key)
        except asyncio.CancelledError:
            # It is under way, and may be charged.
            spent = request.most if sent and not self._ended else _NOTHING
            raise
        finally:
            self._budget.settle(request.most, spent)
            self._settled.set()
            if booking is not None:
                self._pace.lower(booking, spent.total)
            if spent.total and not stored:
                self._store.add_unanswered(spent)

    async def _send(self, request: Request, *, trying: bool) -> tuple[Reply | Missing | _Failed, Tokens]:
        """Send a request; say what came, and what it counts for."""
        most, openai, client = request.most, self._openai, self._clients.pop()
        try:
            async with asyncio.timeout(self._server.timeout):
                response = await client.post(self._address, cast_to=self._response, body=request.body)
            reply = reply_of(response.content, self._secret)
        except openai.APIStatusError as error:
            self._reached = True
            return self._refused(error, trying=trying), most if error.status_code >= 500 else _NOTHING
        except (TimeoutError, openai.APITimeoutError) as error:
            unreached = type(error.__cause__).__name__ == "ConnectTimeout"
            self._reached |= not unreached
            detail = f"no reply in {self._server.timeout:g} s"
            return _Failed("timeout", detail, unreached=unreached), _NOTHING if unreached else most
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            kind = type(cause).__name__
            said = without_key(str(cause))
            unreached = kind == "ConnectError"
            self._reached |= not unreached
            reason = "invalid_reply" if kind == "DecodingError" else "connection"
            return _Failed(
                reason, f"no connection ({kind}: {said})" if said else f"no connection ({kind})", unreached=unreached
            ), _NOTHING if unreached else most
        except InvalidReplyError as error:
            self._reached = True
            return _Failed("invalid_reply", str(error)), most
        except (openai.OpenAIError, ValueError, TypeError) as error:
            return _Failed("invalid_reply", without_key(str(error)) or type(error).__name__), most
        finally:
            self._clients.append(client)
        self._reached = self._replied = True
        counted = (reply.prompt_tokens, reply.answer_tokens)
        prompt, answer = (
            most if count is None else count for count, most in zip(counted, (most.prompt, most.answer), strict=True)
        )
        return reply, Tokens(prompt, answer)

    def _refused(self, error: Any, *, trying: bool) -> Reply | Missing | _Failed:
        status = error.status_code
        refusal = refusal_of(status, error.body)
        if refusal.reason == "filtered":
            # Kept as a reply: asking again would not help.
            return Reply("", FILTERED, prompt_tokens=0, answer_tokens=0)
        if refusal.reason == "quota":
            self._spent_quota = Missing("quota", refusal.detail)
            return self._spent_quota
        if refusal.reason == "prompt_too_long":
            return Missing(refusal.reason, refusal.detail)
        if trying and status in _NO_SCHEMA:
            raise _SchemaRefusedError
        if status in _LET_IN and not self._replied:
            self._ended = True
            hint = f"check {KEY_VARIABLE}, and that its project may use the model {self._server.model}"
            if status not in {401, 403}:
                hint = "the address ends where /chat/completions is added, mostly in /v1; check the model's name too"
            raise UsageError(f"{_LET_IN[status]} ({refusal.detail})", path=self._server.url, hint=hint)
        if not refusal.again:
            return Missing(refusal.reason, refusal.detail)
        asked = seconds_to_wait(error.response.headers)
        if asked is not None:
            # The server means all of us.
            self._not_before = max(self._not_before, time.monotonic() + asked)
        return _Failed(refusal.reason, refusal.detail, asked)

    def _wrong_model(self, model: str) -> Missing:
        if not self._said_model:
            self._said_model = True
            text = (
                f"{without_key(model)} replied where {self._server.model} was asked; --accept-model takes such replies"
            )
            self._listener.message(f"{self._server.url}: {text}")
        return Missing("wrong_model", f"{without_key(model)} replied")

    def _say(self, reason: str, wait: float) -> None:
        now = time.monotonic()
        # Requests fail together: one sentence for all.
        if wait >= _WORTH_SAYING and now >= self._said_until:
            self._said_until = now + wait
            self._listener.message(f"{self._server.url}: {reason}; asking again in {wait:.0f} s")
