"""Asking a judge through a server that fails: every question ends once, with a reply or the right reason."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.judge import ask_script
from tests.judge.fault_server import (
    KEY,
    KINDS,
    MODEL,
    FaultServer,
    error,
    expected,
    made,
    planned,
    reply_text,
    text_of,
)

from belle_data.engine.progress import Silent
from belle_data.errors import BelleError, SourceError, UsageError
from belle_train.judge.asking import JudgeServer, Question, ask, estimate
from belle_train.judge.budget import Budget, Tokens
from belle_train.judge.judge_server import Request
from belle_train.judge.replies import REASONS, Missing, Reply, Schema
from belle_train.judge.reply_store import REPLIES, ReplyStore

if TYPE_CHECKING:
    from pathlib import Path

RETRIES = 2
SCHEMA = Schema("score", {"type": "object", "properties": {"score": {"type": "number"}}})


def questions(count: int, what: str = "回答") -> list[Question]:
    return [
        Question(f"q{number}", ({"role": "system", "content": "评分"}, {"role": "user", "content": f"{what}{number}"}))
        for number in range(count)
    ]


def judge(server: FaultServer, **settings: Any) -> JudgeServer:
    return JudgeServer(**{"model": MODEL, "base_url": server.url, "retries": RETRIES, "timeout": 20.0, **settings})


def asked(
    server: JudgeServer, folder: Path, what: list[Question], schema: Schema | None = None, budget: Budget | None = None
) -> list[Reply | Missing]:
    with ReplyStore(folder) as store:
        return ask(server, what, schema, store, budget or Budget(), Silent())


def ends(found: list[Reply | Missing]) -> list[str]:
    return [f"reply {one.text}" if isinstance(one, Reply) else one.reason for one in found]


def failing(server: JudgeServer, folder: Path, count: int = 20) -> BelleError:
    with pytest.raises(BelleError) as caught:
        asked(server, folder, questions(count))
    assert KEY not in f"{caught.value} {caught.value.hint}"
    return caught.value


def estimate_calls(server: JudgeServer, folder: Path, count: int) -> int:
    with ReplyStore(folder) as store:
        return estimate(server, questions(count), None, store, Budget()).calls


def should_end(plan: list[str], text: str) -> tuple[str, int]:
    end, attempts = expected(plan, RETRIES)
    good = f"reply {reply_text({'messages': [{'content': text}], 'seed': 42})}"
    return (good if end == "reply" else end), attempts


@pytest.mark.parametrize("name", [name for name in KINDS if name != "slow"])
def test_every_fault_ends_with_its_reason(server: FaultServer, tmp_path: Path, name: str) -> None:
    plans = {"回答1": [name] * (RETRIES + 1), "回答3": [name, "good"]}
    server.plan = lambda text: plans.get(text, ["good"])
    found = asked(judge(server), tmp_path, questions(5))
    for number, end in enumerate(ends(found)):
        text = f"回答{number}"
        wanted, attempts = should_end(plans.get(text, ["good"]), text)
        assert (end, server.attempts[text]) == (wanted, attempts), text
    details = [one.detail for one in found if isinstance(one, Missing)]
    assert all(detail is None or len(detail) < 400 for detail in details)


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_mixed_at_random(server: FaultServer, tmp_path: Path, seed: int) -> None:
    server.plan = lambda text: planned(seed, text, RETRIES)
    what = questions(300)
    found = asked(judge(server, connections=16, timeout=3.0), tmp_path, what)
    seen: Counter[str] = Counter()
    for question, end in zip(what, ends(found), strict=True):
        text = question.messages[-1]["content"]
        wanted, attempts = should_end(server.plan(text), text)
        assert (end, server.attempts[text]) == (wanted, attempts), (text, server.plan(text))
        seen[end.split()[0]] += 1
    assert set(seen) >= {"reply", "rate_limit", "status", "connection", "invalid_reply", "filtered", "wrong_model"}
    assert set(seen) <= {*REASONS, "reply"}
    assert server.busiest <= 16
    # Again: what has a reply, also of another model, or was withheld, is not asked again; all else is, once more from
    # its last attempt on.
    before = Counter(server.attempts)
    again = asked(judge(server, connections=16, timeout=3.0), tmp_path, what)
    for question, one in zip(what, found, strict=True):
        text = question.messages[-1]["content"]
        kept = isinstance(one, Reply) or one.reason in {"filtered", "wrong_model"}
        assert (server.attempts[text] == before[text]) == kept, text
    kept_before = [one for one in found if isinstance(one, Reply)]
    assert [two for one, two in zip(found, again, strict=True) if isinstance(one, Reply)] == kept_before


def test_no_reply_in_time(server: FaultServer, tmp_path: Path) -> None:
    server.plan = lambda text: {"回答1": ["slow", "good"], "回答2": ["slow"] * 5}.get(text, ["good"])
    found = asked(judge(server, timeout=1.5, retries=1), tmp_path, questions(3))
    assert ends(found)[2] == "timeout"
    assert isinstance(found[1], Reply)
    assert (server.attempts["回答1"], server.attempts["回答2"]) == (2, 2)


@pytest.mark.parametrize("connections", [1, 3, 32])
def test_no_more_connections_than_allowed(server: FaultServer, tmp_path: Path, connections: int) -> None:
    server.delay = 0.01
    asked(judge(server, connections=connections), tmp_path, questions(100))
    assert server.busiest <= connections
    assert len(server.asked) == 100


def test_a_wait_that_the_server_asks_for_means_all_requests(server: FaultServer, tmp_path: Path) -> None:
    connections, seconds = 4, 0.7
    together = threading.Barrier(connections)
    said: list[float] = []

    def refuses(one: dict[str, Any]) -> Any:
        return (
            error(429, "slower", Retry_After_Ms=str(1000 * seconds)) if not said and text_of(one) == "回答2" else None
        )

    def first_four(_: dict[str, Any]) -> dict[str, Any]:
        if not said:
            together.wait(10)
            # The refusal is under way long before these replies.
            time.sleep(0.3)
        return made("得分：1")

    server.reply, server.refuses = first_four, refuses
    ordinary = server.enter

    def enter(headers: dict[str, str], one: dict[str, Any]) -> Any:
        fault = ordinary(headers, one)
        if fault is not None:
            together.wait(10)
            said.append(time.monotonic())
        return fault

    server.enter = enter  # type: ignore[method-assign, assignment]
    found = asked(judge(server, connections=connections), tmp_path, questions(12))
    assert all(isinstance(one, Reply) for one in found)
    late = [moment - said[0] for moment in server.times if moment > said[0]]
    assert len(late) == 12 + 1 - connections
    assert min(late) >= seconds


def test_a_wait_beyond_the_patience_is_no_wait(server: FaultServer, tmp_path: Path) -> None:
    server.refuses = lambda _: error(429, "tomorrow", Retry_After="86400")
    began = time.monotonic()
    found = asked(judge(server, connections=2), tmp_path, questions(10))
    assert time.monotonic() - began < 60
    assert set(ends(found)) == {"rate_limit"}
    assert all(isinstance(one, Missing) and "86,400 s" in str(one.detail) for one in found[:1])
    assert len(server.asked) <= 2


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (429, f"pay {KEY}", "insufficient_quota"),
        (402, "no", None),
        (403, "账户余额不足", None),
        (400, "Access denied", "Arrearage"),
    ],
)
def test_a_spent_quota_ends_the_asking(
    server: FaultServer, tmp_path: Path, status: int, message: str, code: str | None
) -> None:
    server.refuses = lambda one: error(status, message, code) if text_of(one) == "回答5" else None
    found = asked(judge(server, connections=1), tmp_path, questions(40))
    assert [end.split()[0] for end in ends(found)] == ["reply"] * 5 + ["quota"] * 35
    assert len(server.asked) == 6
    assert KEY not in repr(found)


@pytest.mark.parametrize(("status", "message"), [(401, "refuses the key"), (403, "let this key in"),
                                                 (404, "no such model"), (307, "another address")])  # fmt: skip
def test_what_no_question_can_pass_ends_the_run(server: FaultServer, tmp_path: Path, status: int, message: str) -> None:
    server.refuses = lambda _: error(status, f"you sent {KEY}", Location="http://localhost:1/v1")
    caught = failing(judge(server), tmp_path)
    assert isinstance(caught, UsageError)
    assert message in str(caught)
    assert caught.hint
    assert len(server.asked) <= 8
    # After a reply it is one question's.
    server.refuses = lambda one: error(status, "no") if text_of(one) == "回答3" else None
    found = asked(judge(server, connections=1), tmp_path, questions(6))
    assert [end.split()[0] for end in ends(found)] == ["reply"] * 3 + ["status"] + ["reply"] * 2


def test_a_server_that_is_not_there_is_one_mistake(server: FaultServer, tmp_path: Path) -> None:
    server.close()
    caught = failing(judge(server), tmp_path, 300)
    assert isinstance(caught, SourceError)
    assert "cannot be reached" in str(caught)
    server._http.server_close()


def test_the_key_goes_to_the_server_and_nowhere_else(server: FaultServer, tmp_path: Path) -> None:
    server.plan = lambda text: {"回答1": ["echo in error"], "回答2": ["echo in reply"]}.get(text, ["good"])
    KINDS["echo in error"] = KINDS["400"].__class__(error(400, f"no, {KEY} and sk-other-key"), "status")
    KINDS["echo in reply"] = KINDS["400"].__class__((200, made(f"key {KEY}")), "reply")
    try:
        found = asked(judge(server), tmp_path, questions(4))
    finally:
        del KINDS["echo in error"], KINDS["echo in reply"]
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert found[1] == Missing("status", "HTTP 400, no, *** and ***")
    assert ends(found)[2] == "reply key ***"
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(paths) >= 2
    for path in paths:
        assert KEY.encode() not in path.read_bytes()


def test_names_that_a_reply_may_carry(server: FaultServer, tmp_path: Path) -> None:
    named = [MODEL, f"{MODEL}-0613", f"{MODEL}-2024-08-06", f"{MODEL}-20240806", f"{MODEL}@main", "alias",
             f"{MODEL}-mini", f"{MODEL}-2024-08-06-mini", "judge", "", "judge-model2"]  # fmt: skip
    server.reply = lambda one: made("得分：1", model=named[int(text_of(one)[2:])])
    found = asked(judge(server, accepted_models=("alias",)), tmp_path, questions(len(named)))
    assert [end.split()[0] for end in ends(found)] == ["reply"] * 6 + ["wrong_model"] * 5
    assert [one.model for one in found if isinstance(one, Reply)] == named[:6]
    # All are kept: which names count can be said otherwise without asking again.
    assert estimate_calls(judge(server), tmp_path, len(named)) == 0
    again = asked(judge(server, accepted_models=(f"{MODEL}-mini",)), tmp_path, questions(len(named)))
    assert [n for n, end in enumerate(ends(again)) if end.startswith("reply")] == [0, 1, 2, 3, 4, 6]
    assert len(server.asked) == len(named)


def test_what_is_sent(server: FaultServer, tmp_path: Path) -> None:
    one = Question("q", ({"role": "user", "content": "好\ud800"},), repeat=2)
    same = [one, one, Question("other name", one.messages, 2), Question("q", one.messages, 0)]
    found = asked(judge(server, temperature=0.5, max_tokens=9), tmp_path, same)
    assert len(server.asked) == 2, "equal questions share a request"
    assert found[0] == found[1] == found[2]
    bodies = sorted(server.asked, key=lambda body: int(body["seed"]))
    message = {"role": "user", "content": "好\ufffd"}
    assert bodies == [
        {"model": MODEL, "messages": [message], "temperature": 0.5, "max_tokens": 9, "seed": seed} for seed in (42, 44)
    ]
    assert not [name for headers in server.headers for name in headers if "-os" in name or "-runtime" in name]
    assert asked(judge(server), tmp_path, []) == []
    assert len(server.asked) == 2
    asked(judge(server, seed=None), tmp_path, same)
    assert server.asked[2] == server.asked[3]
    assert "seed" not in server.asked[2]


@pytest.mark.parametrize("status", [400, 404, 422, 501])
def test_a_server_without_structured_output_is_found_out_once(server: FaultServer, tmp_path: Path, status: int) -> None:
    server.refuses = lambda one: error(status, "no response_format here") if "response_format" in one else None
    found = asked(judge(server), tmp_path, questions(20), SCHEMA)
    assert all(isinstance(one, Reply) for one in found)
    assert sum("response_format" in one for one in server.asked) == 1
    assert len(server.asked) == 21
    assert asked(judge(server), tmp_path, questions(20), SCHEMA) == found
    assert len(server.asked) == 21
    # What is new is asked as was found out.
    asked(judge(server), tmp_path, questions(22), SCHEMA)
    assert (len(server.asked), sum("response_format" in one for one in server.asked)) == (23, 1)


def test_structured_output_where_the_server_can(server: FaultServer, tmp_path: Path) -> None:
    for structured, times in (("auto", 5), ("yes", 0), ("no", 5)):
        server.asked.clear()
        found = asked(judge(server, structured=structured), tmp_path, questions(5), SCHEMA)
        assert all(isinstance(one, Reply) for one in found)
        assert [("response_format" in one) for one in server.asked] == [structured != "no"] * times
    form = {"type": "json_schema", "json_schema": {"name": "score", "strict": True, "schema": SCHEMA.schema}}
    asked(judge(server), tmp_path, questions(6), SCHEMA)
    assert server.asked[-1]["response_format"] == form


def test_faults_that_say_nothing_about_structured_output(server: FaultServer, tmp_path: Path) -> None:
    plans = {"回答0": ["too long by code"], "回答1": ["500"] * 9}
    server.plan = lambda text: plans.get(text, ["good"])
    found = asked(judge(server), tmp_path, questions(5), SCHEMA)
    assert [end.split()[0] for end in ends(found)] == ["prompt_too_long", "status", "reply", "reply", "reply"]
    assert all("response_format" in one for one in server.asked)
    server.plan = lambda _: ["400"]
    found = asked(judge(server), tmp_path / "other", questions(5), SCHEMA)
    assert ends(found) == ["status"] * 5


def test_an_estimate_sends_nothing(server: FaultServer, tmp_path: Path) -> None:
    what = questions(10)
    with ReplyStore(tmp_path) as store:
        first = estimate(judge(server), what, None, store, Budget(max_total_tokens=20_000))
        assert server.asked == []
        assert (first.questions, first.stored, first.calls, first.fits) == (10, 0, 10, True)
        assert 0 < first.expected.prompt < first.most.prompt
        assert first.most.answer == 10 * 1024
        assert first.most_cost is None
        ask(judge(server), what[:4], None, store, Budget(), Silent())
    with ReplyStore(tmp_path) as store:
        second = estimate(judge(server), what, None, store, Budget(max_total_tokens=100))
        assert (second.stored, second.calls, second.fits) == (4, 6, False)
        assert second.spent.total == sum(server.charged)
    assert len(server.asked) == 4


def test_requests_per_minute(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belle_train.judge.pace.MINUTE", 0.5)
    began = time.monotonic()
    asked(judge(server, requests_per_minute=10), tmp_path, questions(31))
    # Load can only make it longer.
    assert time.monotonic() - began >= 1.5
    assert len(server.asked) == 31


def test_tokens_per_minute(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minute, limit = 0.5, 400
    monkeypatch.setattr("belle_train.judge.pace.MINUTE", minute)
    began = time.monotonic()
    asked(judge(server, connections=2, tokens_per_minute=limit, max_tokens=50), tmp_path, questions(31))
    assert sum(server.charged) > 3 * limit
    assert time.monotonic() - began >= minute * (sum(server.charged) // limit - 1)
    assert len(server.asked) == 31


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_url": "localhost"}, "a server is an address"),
        ({"base_url": "http://me:secret@localhost/v1"}, "neither user nor query"),
        ({"base_url": "http://localhost/v1?key=secret"}, "neither user nor query"),
        ({"model": " "}, "has a name"),
        ({"connections": 0}, "connections are 1 to 1,000: 0"),
        ({"timeout": 0}, "more than 0 seconds: 0"),
        ({"timeout": float("nan")}, "more than 0 seconds"),
        ({"retries": -1}, "retries are 0 to 100: -1"),
        ({"requests_per_minute": 0}, "requests per minute are 1 or more: 0"),
        ({"tokens_per_minute": -5}, "tokens per minute are 1 or more: -5"),
        ({"temperature": 3}, "a temperature is 0 to 2: 3"),
        ({"max_tokens": 0}, "a reply has 1 token or more: 0"),
        ({"structured": "maybe"}, "structured is auto, yes, no: 'maybe'"),
    ],
)
def test_settings_that_mean_nothing(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=r".*") as caught:
        JudgeServer(**{"model": MODEL, "base_url": "http://localhost/v1", **settings}).check()
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://\n/v1", "http://[::1", "http://localhost:port/v1", "http://localhost:99999", "http://a b/v1",
                "http://\u2028/", "http://a..b/v1", "http://" + "a" * 300, "http://127.0.0.1:1/v1", "http://xn--/v1"]
)  # fmt: skip
def test_hostile_addresses(server: FaultServer, tmp_path: Path, address: str) -> None:
    with pytest.raises(BelleError):
        asked(judge(server, base_url=address), tmp_path, questions(2))


def test_the_own_server_needs_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    own = JudgeServer("gpt-4o")
    with pytest.raises(UsageError, match="the environment has no OPENAI_API_KEY"):
        asked(own, tmp_path, questions(1))
    # What is stored is there without.
    with ReplyStore(tmp_path) as store:
        store.put(Request(own, questions(1)[0], None).key, Reply("得分：1"), Tokens())
        assert estimate(own, questions(2), None, store, Budget()).calls == 1
    assert asked(own, tmp_path, questions(1)) == [Reply("得分：1")]


def run_script(server: FaultServer, folder: Path, count: int, connections: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, ask_script.__file__, server.url, str(folder), str(count), str(connections)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def at_rest(server: FaultServer) -> Counter[str]:
    """How often each text was asked, once the server has read what a killed process left in its sockets."""
    while True:
        before = server.attempts.total()
        time.sleep(0.3)
        if server.attempts.total() == before and not server._busy:
            return Counter(server.attempts)


@pytest.mark.parametrize(("after", "connections"), [(1, 1), (40, 8), (150, 32)])
def test_a_kill_loses_no_reply(server: FaultServer, tmp_path: Path, after: int, connections: int) -> None:
    count = 200
    server.delay = 0.002
    began = threading.Event()
    process = run_script(server, tmp_path / "killed", count, connections)

    def kill(answered: int) -> None:
        if answered == after + 1:
            os.kill(process.pid, signal.SIGKILL)
            began.set()

    server.on_answer = kill
    _, said = process.communicate(timeout=60)
    assert (process.returncode, began.is_set()) == (-signal.SIGKILL, True), said
    first = at_rest(server)
    content = (tmp_path / "killed" / REPLIES).read_bytes()
    stored = content.count(b"\n")
    assert max(after - connections, 0) <= stored < count
    server.on_answer = lambda _: None
    server.attempts.clear()
    found = asked(JudgeServer(MODEL, server.url, connections=connections), tmp_path / "killed",
                  ask_script.questions(count))  # fmt: skip
    twice = [text for text in server.attempts if text in first]
    assert len(server.attempts) == server.attempts.total() == count - stored
    assert len(twice) <= connections
    whole = asked(JudgeServer(MODEL, server.url), tmp_path / "whole", ask_script.questions(count))
    assert found == whole
    assert (tmp_path / "killed" / REPLIES).read_bytes() == (tmp_path / "whole" / REPLIES).read_bytes()
    server.attempts.clear()
    process = run_script(server, tmp_path / "killed", count, connections)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)) == (0, [repr(one) for one in whole]), said
    assert server.attempts.total() == 0


def test_an_interruption_ends_soon_and_keeps_replies(server: FaultServer, tmp_path: Path) -> None:
    server.plan = lambda text: ["slow"] * 9 if int(text[1:-3]) >= 50 else ["good"]
    process = run_script(server, tmp_path / "out", 60, 4)

    def wait_for(condition: Any) -> None:
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)

    wait_for(lambda: sum(int(text[1:-3]) >= 50 for text in server.attempts) == 4)
    process.send_signal(signal.SIGINT)
    # Far less than the time-out of what is under way.
    process.communicate(timeout=20)
    assert process.returncode != 0
    with ReplyStore(tmp_path / "out") as store:
        assert len(store) == 50
        spent = store.spent
        assert spent.prompt >= server.charged[0], "what is under way may be charged"
        assert spent.answer >= server.charged[1]


def test_the_same_bytes_whatever_came_first(server: FaultServer, tmp_path: Path) -> None:
    server.plan = lambda text: [name for name in planned(3, text, RETRIES) if name != "slow"]
    made_ = []
    for connections in (1, 4, 32):
        server.attempts.clear()
        folder = tmp_path / f"{connections}"
        asked(judge(server, connections=connections), folder, questions(60), SCHEMA)
        made_.append((folder / REPLIES).read_bytes())
    assert made_[0].count(b"\n") > 20
    assert made_[0] == made_[1] == made_[2]
