"""openai:MODEL when the server fails: what is tried again, after how long, and what is said in the end."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from tests.embed.conftest import KEY
from tests.embed.server import EmbeddingServer, Fault, unit

from belle_data.embed import Embedder, EmbedderSettings, embedder_of
from belle_data.errors import BelleError, SourceError, UsageError
from belle_data.openai_server import seconds_to_wait

TEXTS = [f"第{number}个问题：水为什么会结冰？" for number in range(64)]


def made(server: EmbeddingServer, cache: Path | None = None, **settings: Any) -> Embedder:
    chosen = {"base_url": server.url, "texts_per_request": 8, "concurrency": 2, "patience": 30, **settings}
    return embedder_of("openai:test-model", cache=cache, settings=EmbedderSettings.model_validate(chosen))


def ask(embedder: Embedder, texts: list[str]) -> npt.NDArray[np.float32]:
    return embedder.embed(pa.array(texts, pa.string()), pa.array(range(100, 100 + len(texts)), pa.uint32()))


def check(found: npt.NDArray[np.float32], texts: list[str]) -> None:
    np.testing.assert_allclose(found, [unit(text) for text in texts], atol=1e-6)


def failing(embedder: Embedder, texts: list[str]) -> BelleError:
    with pytest.raises(BelleError) as caught:
        ask(embedder, texts)
    assert KEY not in f"{caught.value} {caught.value.hint}"
    return caught.value


def fault(status: int, message: str = "no", code: str | None = None, **headers: str) -> Fault:
    return (
        status,
        {key.replace("_", "-"): value for key, value in headers.items()},
        {"error": {"message": message, "code": code}},
    )


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_may_pass_is_asked_again(server: EmbeddingServer, status: int) -> None:
    server.faults.extend([fault(status)] * 3)
    check(ask(made(server), TEXTS), TEXTS)
    assert server.requests == 8 + 3
    assert len(server.texts) == len(TEXTS)


@pytest.mark.parametrize("how", ["close", "half"])
def test_connections_that_break_off_are_made_again(server: EmbeddingServer, how: str) -> None:
    server.faults.extend([how] * 3)
    check(ask(made(server), TEXTS), TEXTS)
    assert server.requests == 8 + 3


def test_slow_answers_are_given_up(server: EmbeddingServer) -> None:
    server.faults.append("slow")
    check(ask(made(server, timeout=0.5), TEXTS[:8]), TEXTS[:8])
    assert server.requests == 2


def test_retry_after_is_obeyed_by_all_requests(server: EmbeddingServer) -> None:
    said: list[str] = []
    settings = EmbedderSettings(base_url=server.url, texts_per_request=8, concurrency=1)
    embedder = embedder_of("openai:test-model", settings=settings, notify=said.append)
    server.faults.append(fault(429, "too many", Retry_After="2"))
    check(ask(embedder, TEXTS), TEXTS)
    assert server.times[1] - server.times[0] >= 2
    assert len(said) == 1
    assert "HTTP 429, too many; asking again in 2 s" in said[0]


def test_a_server_that_asks_for_too_long_is_not_waited_for(server: EmbeddingServer, tmp_path: Path) -> None:
    embedder = made(server, tmp_path, concurrency=1)
    ask(embedder, TEXTS[:8])
    server.faults.append(fault(429, Retry_After="3600"))
    began = time.monotonic()
    error = failing(embedder, TEXTS)
    assert time.monotonic() - began < 10
    assert "it asks to wait 3,600 s" in str(error)
    assert "stored" in str(error.hint)
    embedder.close()


def test_patience_has_an_end_and_what_was_answered_is_kept(server: EmbeddingServer, tmp_path: Path) -> None:
    server.refuses = lambda texts: fault(500) if TEXTS[40] in texts else None
    first = made(server, tmp_path, patience=1)
    error = failing(first, TEXTS)
    first.close()
    assert isinstance(error, SourceError)
    assert "did not answer in 1 s of trying (HTTP 500, no)" in str(error)
    server.refuses = lambda _: None
    asked = list(server.texts)
    assert len(asked) >= 40
    again = made(server, tmp_path)
    check(ask(again, TEXTS), TEXTS)
    assert sorted(server.texts) == sorted(TEXTS)
    again.close()


@pytest.mark.parametrize(
    ("answer", "kind", "message", "hint"),
    [
        (fault(401, f"Incorrect API key: {KEY}"), UsageError, "does not let us in", "OPENAI_API_KEY"),
        (fault(403, "sk-other-key-of-yours"), UsageError, "does not let us in", "OPENAI_API_KEY"),
        (fault(404, "no model"), UsageError, "no such model or address (HTTP 404, no model)", "base_url"),
        (fault(429, "pay", "insufficient_quota"), SourceError, "serves no more (HTTP 429, pay)", "pay"),
        (fault(418, "teapot"), SourceError, "the server refuses (HTTP 418, teapot)", "see"),
        ((418, {}, b"\xff\x00<html>"), SourceError, "the server refuses (HTTP 418)", "see"),
        ((418, {}, ["a", "list"]), SourceError, "the server refuses (HTTP 418)", "see"),
    ],
)
def test_what_will_not_pass_is_said_at_once(
    server: EmbeddingServer, answer: Fault, kind: type[BelleError], message: str, hint: str
) -> None:
    server.faults.extend([answer] * 2)
    error = failing(made(server, concurrency=1), TEXTS)
    assert isinstance(error, kind)
    assert message in str(error)
    assert "sk-" not in str(error)
    assert hint in str(error.hint)
    assert server.requests == 1


def test_the_text_that_is_refused_is_found(server: EmbeddingServer, tmp_path: Path) -> None:
    server.refuses = lambda texts: fault(400, "too long") if TEXTS[13] in texts else None
    embedder = made(server, tmp_path, concurrency=1)
    error = failing(embedder, TEXTS[:16])
    assert f"refuses the text of row 113 ({len(TEXTS[13])} characters; HTTP 400, too long)" in str(error)
    assert "max_characters" in str(error.hint)
    # The others before it are paid for and stored.
    assert server.texts == [*TEXTS[:8], *TEXTS[8:12], TEXTS[12]]
    embedder.close()


def test_requests_that_are_too_large_are_made_smaller(server: EmbeddingServer) -> None:
    server.refuses = lambda texts: fault(413) if len(texts) > 2 else None
    check(ask(made(server), TEXTS), TEXTS)
    assert sorted(server.texts) == sorted(TEXTS)


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    def apply(body: dict[str, Any]) -> object:
        found = change(body)
        return body if found is None else found

    return apply


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "one vector less": (lambda body: body["data"].pop() and None, "7 vectors came for 8 texts"),
    "one vector more": (lambda body: body["data"].append(body["data"][0]), "9 vectors came for 8 texts"),
    "no vectors": (lambda body: {**body, "data": []}, "0 vectors came for 8 texts"),
    "null": (lambda body: {**body, "data": None}, "no list of vectors"),
    "one place twice": (lambda body: body["data"][3].update(index=4), "which vector is of which text"),
    "a place that is none": (lambda body: body["data"][3].update(index="x"), "not as the API has it"),
    "NaN": (lambda body: body["data"][3].update(embedding=[float("nan")] * 64), "a NaN or an infinite number"),
    "infinite": (lambda body: body["data"][3].update(embedding=[1e999] * 64), "a NaN or an infinite number"),
    "a number too large": (lambda body: body["data"][3].update(embedding=[10**400] * 64), "an infinite number"),
    "zeros": (lambda body: body["data"][3].update(embedding=[0] * 64), "nothing but zeros"),
    "a shorter one": (lambda body: body["data"][3].update(embedding=[1.0] * 63), "a vector of 63 numbers"),
    "an empty one": (lambda body: body["data"][3].update(embedding=[]), "a vector of 0 numbers"),
    "text": (lambda body: body["data"][3].update(embedding="é"), "no float32 in base64"),
    "half a number": (lambda body: body["data"][3].update(embedding="AAAAAAA="), "no float32 in base64"),
    "words": (lambda body: body["data"][3].update(embedding=["a"] * 64), "no list of numbers"),
    "lists": (lambda body: body["data"][3].update(embedding=[[1.0]] * 64), "no list of numbers"),
    "no JSON": (lambda _: b"<html>welcome</html>", "not as the API has it"),
    "deep JSON": (lambda _: b"[" * 100_000, "not as the API has it"),
    "a list": (lambda _: [1], "not as the API has it"),
    "nothing": (lambda _: b"", "not as the API has it"),
    "not UTF-8": (lambda _: b"\xff\xfe\xff", "not as the API has it"),
}


@pytest.mark.parametrize("case", WRONG)
def test_answers_that_cannot_be_right_are_not_taken(server: EmbeddingServer, tmp_path: Path, case: str) -> None:
    change, message = WRONG[case]
    server.base64 = False
    server.changes = changed(change)
    embedder = made(server, tmp_path, concurrency=1)
    assert message in str(failing(embedder, TEXTS[:8]))
    assert server.requests == 3
    assert list(tmp_path.iterdir()) == []
    # Once would have been forgiven.
    server.changes = lambda body: body
    check(ask(embedder, TEXTS[:8]), TEXTS[:8])
    embedder.close()


def test_a_model_that_has_other_dimensions_is_noticed(server: EmbeddingServer, tmp_path: Path) -> None:
    embedder = made(server, tmp_path)
    ask(embedder, TEXTS[:8])
    server.changes = lambda body: {**body, "data": [{**entry, "embedding": [1.0] * 16} for entry in body["data"]]}
    assert "a vector of 16 numbers came where 64 were expected" in str(failing(embedder, TEXTS))
    error = failing(made(server, dimensions=32), TEXTS)
    assert "a vector of 16 numbers came where 32 were expected" in str(error)
    assert "drop dimensions" in str(error.hint)
    embedder.close()


def test_a_server_that_is_not_there(server: EmbeddingServer) -> None:
    address = server.url
    gone = embedder_of(
        "openai:m", settings=EmbedderSettings(base_url=address.replace("127.0.0.1", "127.0.0.2"), patience=0.5)
    )
    error = failing(gone, TEXTS[:2])
    assert "no connection (ConnectError)" in str(error)
    assert "127.0.0.2" in str(error)


def test_when_to_come_back() -> None:
    later = datetime.now(UTC) + timedelta(seconds=100)
    cases: dict[str, float | None] = {"2": 2, "0.5": 0.5, "-1": None, "inf": None, "nan": None, "soon": None, "": None}
    assert len(cases) == 7
    for said, seconds in cases.items():
        assert seconds_to_wait({"retry-after": said}) == seconds, said
    assert 95 < (seconds_to_wait({"retry-after": format_datetime(later, usegmt=True)}) or 0) <= 100
    assert seconds_to_wait({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert seconds_to_wait({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert seconds_to_wait({}) is None
