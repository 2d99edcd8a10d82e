"""openai:MODEL against a real server: vectors, order, what is asked, what it costs, what is stored."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from tests.embed.conftest import KEY
from tests.embed.server import DIMENSIONS, EmbeddingServer, unit

from belle_data.embed import Cost, Embedder, EmbedderSettings, embedder_of
from belle_data.errors import RunFolderError, UsageError

TEXTS = [f"请用{number}个字介绍一下你的家乡，并说明理由。" for number in range(500)]


def made(server: EmbeddingServer, cache: Path | None = None, **settings: Any) -> Embedder:
    chosen = EmbedderSettings.model_validate({"base_url": server.url, "texts_per_request": 16, **settings})
    return embedder_of("openai:test-model", cache=cache, settings=chosen)


def ask(embedder: Embedder, texts: list[str]) -> npt.NDArray[np.float32]:
    return embedder.embed(pa.array(texts, pa.string()), pa.array(range(len(texts)), pa.uint32()))


def check(found: npt.NDArray[np.float32], texts: list[str], dimensions: int = DIMENSIONS) -> None:
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [unit(text, dimensions) for text in texts], atol=1e-6)


@pytest.mark.parametrize("base64", [True, False])
@pytest.mark.parametrize("concurrency", [1, 8])
def test_every_text_gets_its_own_vector(server: EmbeddingServer, base64: bool, concurrency: int) -> None:
    server.base64 = base64
    embedder = made(server, concurrency=concurrency)
    lengths = [embedder.dimensions]
    check(ask(embedder, TEXTS), TEXTS)
    assert [*lengths, embedder.dimensions] == [None, DIMENSIONS]
    assert sorted(server.texts) == sorted(TEXTS)
    assert server.requests == -(-len(TEXTS) // 16)


def test_answers_in_another_order_are_put_right(server: EmbeddingServer) -> None:
    server.changes = lambda body: {**body, "data": body["data"][::-1]}
    check(ask(made(server), TEXTS[:40]), TEXTS[:40])


def test_many_requests_are_on_their_way_but_no_more_than_allowed(server: EmbeddingServer) -> None:
    server.delay = 0.05
    ask(made(server, concurrency=3), TEXTS[:200])
    assert server.busiest == 3


def test_empty_texts_are_not_asked_for(server: EmbeddingServer) -> None:
    found = ask(made(server), ["你好", "", " \n", "世界"])
    check(found[[0, 3]], ["你好", "世界"])
    assert not found[[1, 2]].any()
    assert sorted(server.texts) == ["世界", "你好"]


def test_a_batch_of_empty_texts_has_the_length_of_others(server: EmbeddingServer, tmp_path: Path) -> None:
    embedder = made(server, tmp_path)
    assert ask(embedder, ["", ""]).shape == (2, DIMENSIONS)
    assert ask(embedder, []).shape == (0, DIMENSIONS)
    assert server.texts == ["a"]


def test_equal_texts_are_asked_for_once(server: EmbeddingServer) -> None:
    texts = ["甲", "乙", "甲", "甲", "乙"]
    check(ask(made(server), texts), texts)
    assert sorted(server.texts) == ["乙", "甲"]


def test_dimensions_are_asked_for(server: EmbeddingServer) -> None:
    embedder = made(server, dimensions=32)
    assert embedder.dimensions == 32
    check(ask(embedder, TEXTS[:5]), TEXTS[:5], 32)


def test_texts_are_cut_where_it_is_wanted(server: EmbeddingServer) -> None:
    embedder = made(server, max_characters=4)
    check(ask(embedder, ["一二三四五六"]), ["一二三四"])
    assert server.texts == ["一二三四"]
    assert "max_characters=4" in embedder.fingerprint


def test_requests_stay_below_what_a_server_takes(server: EmbeddingServer) -> None:
    long = ["长" * 60_000 + str(number) for number in range(6)]
    check(ask(made(server, concurrency=1), long), long)
    assert server.requests == 3


def test_what_is_stored_is_not_asked_for_again(server: EmbeddingServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = made(server, cache)
    once = ask(first, TEXTS[:100])
    assert np.array_equal(ask(first, TEXTS[:100]), once)
    first.close()
    second = made(server, cache)
    assert second.dimensions == DIMENSIONS
    assert np.array_equal(ask(second, TEXTS[:100][::-1]), once[::-1])
    assert len(server.texts) == 100
    check(ask(second, TEXTS[:150]), TEXTS[:150])
    assert len(server.texts) == 150
    second.close()


def test_other_models_lengths_and_servers_have_files_of_their_own(server: EmbeddingServer, tmp_path: Path) -> None:
    ask(made(server, tmp_path), TEXTS[:3])
    ask(made(server, tmp_path, dimensions=32), TEXTS[:3])
    settings = EmbedderSettings(base_url=server.url)
    other = embedder_of("openai:../other/model", cache=tmp_path, settings=settings)
    ask(other, TEXTS[:3])
    assert len(server.texts) == 9
    assert len(list(tmp_path.iterdir())) == 3


def test_two_runs_do_not_write_the_same_file(server: EmbeddingServer, tmp_path: Path) -> None:
    first, second = made(server, tmp_path), made(server, tmp_path)
    ask(first, TEXTS[:3])
    with pytest.raises(RunFolderError, match="in use by another run"):
        ask(second, TEXTS[:3])
    first.close()
    ask(second, TEXTS[:3])
    assert len(server.texts) == 3


def test_the_cost_is_known_before_it_starts(server: EmbeddingServer, tmp_path: Path) -> None:
    texts = pa.array(["中文" * 50, "english " * 10, "", "中文" * 50])
    assert made(server).cost(texts) == Cost(2, 0, 144, None)
    embedder = made(server, tmp_path / "cache", price=0.02)
    before = embedder.cost(texts)
    assert before is not None
    assert (before.texts, before.stored, before.tokens) == (2, 0, 144)
    assert before.money == pytest.approx(144 * 0.02 / 1e6)
    assert str(before) == "2 texts to send, about 144 tokens, about $0.0000"
    assert not (tmp_path / "cache").exists()
    assert server.requests == 0
    embedder.embed(texts[:2], pa.array([0, 1], pa.uint32()))
    assert embedder.cost(texts) == Cost(0, 2, 0, 0.0)
    assert str(embedder.cost(texts)) == "nothing to send, 2 vectors are stored"
    assert str(before + Cost(3, 1, 10, None)) == "5 texts to send, about 154 tokens, price unknown; 1 more are stored"


def test_prices_are_those_of_openai_alone(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array(["中" * 1000])
    own = embedder_of("openai:text-embedding-3-small").cost(texts)
    assert own is not None
    assert own.money == pytest.approx(1200 * 0.02 / 1e6)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    other = embedder_of("openai:text-embedding-3-small").cost(texts)
    assert other is not None
    assert other.money is None
    unknown = embedder_of("openai:some-model", settings=EmbedderSettings(base_url="https://api.openai.com/v1/"))
    assert "price unknown" in str(unknown.cost(texts))


def test_the_key_goes_to_the_server_and_nowhere_else(server: EmbeddingServer, tmp_path: Path) -> None:
    embedder = made(server, tmp_path)
    ask(embedder, TEXTS[:3])
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    embedder.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1
    assert KEY.encode() not in files[0].read_bytes()
    assert files[0].stat().st_mode & 0o077 == 0
    assert KEY not in embedder.fingerprint + repr(vars(embedder)) + files[0].name


def test_a_server_of_ones_own_needs_no_key(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    check(ask(made(server), TEXTS[:3]), TEXTS[:3])
    with pytest.raises(UsageError, match="no OPENAI_API_KEY"):
        embedder_of("openai:text-embedding-3-small")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-钥匙-secret")
    with pytest.raises(UsageError) as caught:
        made(server)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "address",
    [
        "https://user:hunter2@example.org/v1",
        "https://hunter2@example.org/v1",
        "https://example.org/v1?key=hunter2",
        "https://example.org/v1#hunter2",
        "ftp://hunter2.example.org/v1",
        "https://hunter2.example.org:port/v1",
        "https:///hunter2",
        "hunter2",
        "https://hunter2.org/a b",
    ],
)
def test_addresses_with_secrets_or_without_sense_are_refused_unseen(
    server: EmbeddingServer, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="base_url") as caught:
        made(server, base_url=address)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(UsageError, match="OPENAI_BASE_URL") as caught:
        embedder_of("openai:model")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_addresses_have_one_spelling(server: EmbeddingServer) -> None:
    spellings = [server.url, server.url + "/", server.url.replace("http", "HTTP")]
    assert len({made(server, base_url=spelling).fingerprint for spelling in spellings}) == 1
    assert made(server).fingerprint != made(server, dimensions=32).fingerprint


def test_it_runs_where_an_event_loop_runs(server: EmbeddingServer) -> None:
    """As in a notebook."""
    import asyncio

    async def cell() -> npt.NDArray[np.float32]:
        return ask(made(server), TEXTS[:20])

    check(asyncio.run(cell()), TEXTS[:20])


PROGRAM = """
import sys
import pyarrow as pa
from pathlib import Path
from belle_data.embed import EmbedderSettings, embedder_of
texts = Path(sys.argv[1]).read_text(encoding="utf-8").split("\\n")
settings = EmbedderSettings(base_url=sys.argv[2], texts_per_request=4, concurrency=4)
embedder = embedder_of("openai:test-model", cache=Path(sys.argv[3]), settings=settings)
print("began", flush=True)
try:
    embedder.embed(pa.array(texts), pa.array(range(len(texts)), pa.uint32()))
except KeyboardInterrupt:
    print("stopped", flush=True)
else:
    print("ended", flush=True)
"""


def started(server: EmbeddingServer, folder: Path) -> subprocess.Popen[str]:
    (folder / "texts").write_text("\n".join(TEXTS), encoding="utf-8")
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder / "texts"), server.url, str(folder / "cache")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def wait_for(server: EmbeddingServer, texts: int) -> None:
    ends = time.monotonic() + 60
    while len(server.texts) < texts:
        assert time.monotonic() < ends, f"only {len(server.texts)} texts came"
        time.sleep(0.005)


@pytest.mark.parametrize("after", [40, 150, 300])
def test_a_killed_run_goes_on_where_it_was(server: EmbeddingServer, tmp_path: Path, after: int) -> None:
    server.delay = 0.02
    process = started(server, tmp_path)
    wait_for(server, after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.1)
    asked = len(server.texts)
    assert after <= asked < len(TEXTS)
    process = started(server, tmp_path)
    assert process.communicate(timeout=120)[0].split() == ["began", "ended"]
    # Lost is at most what was on its way: 4 requests of 4 texts, and as many that were being answered.
    assert len(TEXTS) <= len(server.texts) <= len(TEXTS) + 32
    assert set(server.texts) == set(TEXTS)
    asked = len(server.texts)
    embedder = made(server, tmp_path / "cache")
    check(ask(embedder, TEXTS), TEXTS)
    assert len(server.texts) == asked
    embedder.close()


def test_ctrl_c_ends_it_at_once(server: EmbeddingServer, tmp_path: Path) -> None:
    server.delay = 0.1
    process = started(server, tmp_path)
    wait_for(server, 40)
    server.delay = 30
    wait_for(server, len(server.texts) + 8)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out.split() == ["began", "stopped"], err
    assert time.monotonic() - began < 15
    assert "Traceback" not in err
    server.delay = 0
    embedder = made(server, tmp_path / "cache")
    stored = embedder.cost(pa.array(TEXTS))
    assert stored is not None
    assert stored.stored >= 24
    embedder.close()


def test_no_thread_and_no_connection_is_left(server: EmbeddingServer) -> None:
    before = {thread.name for thread in threading.enumerate()}
    ask(made(server), TEXTS[:50])
    after = {thread.name for thread in threading.enumerate() if "process_request_thread" not in thread.name}
    assert after <= before


def test_nothing_but_what_the_api_has_is_sent(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[dict[str, object]] = []
    loads = json.loads

    def noting(data: str) -> Any:
        bodies.append(loads(data))
        return loads(data)

    monkeypatch.setattr(json, "loads", noting)
    ask(made(server), TEXTS[:2])
    assert bodies[0] == {"model": "test-model", "input": TEXTS[:2], "encoding_format": "base64"}
