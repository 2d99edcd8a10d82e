"""`generate --server`: a server on this machine that answers, refuses, breaks off and says nonsense."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.chat_server import ChatServer
from tests.train.conftest import Done, command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 12


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    # The package waits half a second before it tries again, then twice as long each time.
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    running = ChatServer()
    yield running
    running.close()


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    rows = [{"id": f"q{number}", "instruction": f"问题{number}", "output": "x"} for number in range(ROWS)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def generate(server: ChatServer | str, prompts: Path, *options: str | int) -> Done:
    url = server if isinstance(server, str) else server.url
    return command("generate", "--server", url, "--model", "m", "--prompts", prompts, "--out",
                   prompts.with_name("out.jsonl"), *options)  # fmt: skip


def answers(prompts: Path) -> list[dict[str, Any]]:
    content = prompts.with_name("out.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in content.splitlines()]


def test_answers_come_in_the_order_of_the_prompts(server: ChatServer, prompts: Path) -> None:
    server.delay = 0.02
    done = generate(server, prompts, "--connections", 3, "--max-new-tokens", 9, "--json")
    assert (done.code, done.json()["stop"]) == (0, ROWS)
    found = answers(prompts)
    assert [(line["id"], line["answer"]) for line in found] == [(f"q{n}", f"回答：问题{n}") for n in range(ROWS)]
    assert {"finish": "stop", "prompt_tokens": 3, "answer_tokens": 6}.items() <= found[0].items()
    assert 2 <= server.busiest <= 3
    first = next(one for one in server.asked if one["messages"][0]["content"] == "问题0")
    assert first["messages"] == [{"role": "user", "content": "问题0"}]
    assert {"model": "m", "temperature": 0.001, "max_tokens": 9}.items() <= first.items()
    assert len({one["seed"] for one in server.asked}) == ROWS


def test_greedy_is_temperature_0(server: ChatServer, prompts: Path) -> None:
    assert generate(server, prompts, "--greedy", "--limit", 1).code == 0
    assert [one["temperature"] for one in server.asked] == [0]


def test_the_key_goes_to_the_server_and_nowhere_else(
    server: ChatServer, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234")
    server.refuses = lambda asked: (
        (400, {"error": {"message": "no, sk-secret-1234"}}) if "问题3" in asked["messages"][0]["content"] else None
    )
    done = generate(server, prompts)
    assert done.code == 0
    assert {one["authorization"] for one in server.headers} == {"Bearer sk-secret-1234"}
    assert answers(prompts)[3]["error"] == "status_400"
    assert "no, …" in answers(prompts)[3]["detail"]
    for path in prompts.parent.iterdir():
        assert b"sk-secret" not in path.read_bytes(), path.name
    server.refuses = lambda _: (401, {"error": {"message": "wrong key sk-secret-1234"}})
    done = generate(server, prompts, "--force")
    assert (done.code, "sk-secret" in done.out + done.err) == (2, False)
    assert f"{server.url}: the key is refused (401: " in done.err


@pytest.mark.parametrize(
    "fault",
    [
        (429, {"error": {"message": "slower"}}),
        (500, {"error": {"message": "oh"}}),
        (503, b"<html>busy</html>"),
        "cut",
        "half",
    ],
)
def test_what_passes_is_tried_again(server: ChatServer, prompts: Path, fault: Any) -> None:
    server.faults.extend([fault] * 3)
    done = generate(server, prompts, "--connections", 2)
    assert (done.code, [line["finish"] for line in answers(prompts)]) == (0, ["stop"] * ROWS)
    assert len(server.asked) == ROWS + 3


@pytest.mark.parametrize(
    ("fault", "reason", "passes"),
    [
        ((429, {"error": {"message": "slower"}}), "status_429", True),
        ((500, {"error": {"message": "oh"}}), "status_500", True),
        ("cut", "connection", True),
        ("slow", "timeout", True),
        ((200, b"{no json"), "invalid_reply", True),
        ((200, b'"text"'), "invalid_reply", True),
        ((200, {"choices": []}), "invalid_reply", True),
        ((200, {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}), "invalid_reply", True),
        ((200, {"choices": [{"message": {"content": "a"}, "finish_reason": "content_filter"}]}),
         "finish_content_filter", False),
        ((400, {"error": {"message": "too long"}}), "status_400", False),
    ],
)  # fmt: skip
def test_every_row_ends_with_an_answer_or_a_reason(
    server: ChatServer, prompts: Path, fault: Any, reason: str, passes: bool
) -> None:
    server.refuses = lambda asked: fault if asked["messages"][0]["content"] in {"问题3", "问题11"} else None
    done = generate(server, prompts, "--timeout", "0.3")
    found = answers(prompts)
    assert [line["id"] for line in found] == [f"q{number}" for number in range(ROWS)]
    assert [line.get("error") for line in found] == [reason if n in {3, 11} else None for n in range(ROWS)]
    assert f"2 errors ({reason} 2)" in done.out
    assert done.code == int(passes)
    # The same command asks again what may have passed, and nothing else.
    server.refuses = lambda _: None
    server.asked.clear()
    done = generate(server, prompts, "--timeout", "0.3", "--json")
    again = [one["messages"][0]["content"] for one in server.asked]
    assert sorted(again) == (["问题11", "问题3"] if passes else [])
    assert (done.code, done.json()["kept"]) == (0, ROWS - len(again))
    assert [line.get("error") for line in answers(prompts)] == [
        None if passes or n not in {3, 11} else reason for n in range(ROWS)
    ]
    assert [line["id"] for line in answers(prompts)] == [f"q{number}" for number in range(ROWS)]
    assert {path.name for path in prompts.parent.iterdir()} == {"prompts.jsonl", "out.jsonl", "out.jsonl.json"}


def test_an_interrupted_second_try_loses_nothing(
    server: ChatServer, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from belle_train.answers_file import AnswersFile

    server.refuses = lambda asked: (500, {}) if asked["messages"][0]["content"] in {"问题3", "问题7"} else None
    assert generate(server, prompts, "--limit", 10).code == 1
    before = answers(prompts)
    server.refuses = lambda _: None
    ordinary = AnswersFile.add

    def interrupted(self: Any, place: int, answer: Any) -> None:
        ordinary(self, place, answer)
        raise KeyboardInterrupt

    monkeypatch.setattr(AnswersFile, "add", interrupted)
    assert generate(server, prompts, "--connections", 1).code == 130
    after = answers(prompts)
    assert after[3]["answer"] == "回答：问题3"
    assert [line for n, line in enumerate(after) if n != 3] == [line for n, line in enumerate(before) if n != 3]
    monkeypatch.setattr(AnswersFile, "add", ordinary)
    assert generate(server, prompts).code == 0
    assert [line["answer"] for line in answers(prompts)] == [f"回答：问题{n}" for n in range(ROWS)]


def test_wrong_use(server: ChatServer, prompts: Path) -> None:
    for url, message in (
        ("localhost:8000", "a server is an address with http or https: 'localhost:8000'"),
        ("http://[", "a server is an address with http or https"),
        ("http://me:secret@localhost/v1", "the address of a server has neither user nor query"),
        ("http://localhost/v1?key=secret", "the address of a server has neither user nor query"),
        (f"{server.url}/more", "there is no such path or model (404: "),
    ):
        done = generate(url, prompts)
        assert (done.code, message in done.err) == (2, True), done.err
        assert "secret" not in done.err
    assert "connections are 1 to 1,024: 0" in generate(server, prompts, "--connections", 0).err
    assert "--precision means nothing here" in generate(server, prompts, "--precision", "float32").err
    server.close()
    # Settings of a try without any answer do not stand in the way.
    done = generate(server, prompts, "--connections", 2)
    assert done.code == 2
    assert f"error: {server.url}: the server cannot be reached (" in done.err
    assert answers(prompts) == []


def test_rows_without_a_question_are_not_sent(server: ChatServer, prompts: Path) -> None:
    rows = [{"messages": [{"role": "assistant", "content": "a"}]}, {"messages": [{"role": "tool", "content": "a"}]}]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert generate(server, prompts).code == 0
    assert [line["error"] for line in answers(prompts)] == ["no_prompt", "other_role"]
    assert server.asked == []


def test_a_real_model_behind_a_server_says_what_it_says_here(
    server: ChatServer, tiny_model: Path, prompts: Path
) -> None:
    from belle_data.engine.progress import Silent
    from belle_train.generation import LocalModel, Sampling
    from belle_train.prompts import Prompt

    model = LocalModel(tiny_model)
    texts: dict[str, Any] = {}

    def reply(asked: dict[str, Any]) -> dict[str, Any]:
        prompt = Prompt(0, None, None, tuple(asked["messages"]), None)
        made: list[dict[str, Any]] = []
        sampling = Sampling(None, asked["max_tokens"])
        model.answer([(0, prompt)], sampling, 1, lambda _, answer: made.append(answer), Silent())
        usage = {"prompt_tokens": made[0]["prompt_tokens"], "completion_tokens": made[0]["answer_tokens"]}
        message = {"role": "assistant", "content": made[0]["answer"]}
        return {"choices": [{"message": message, "finish_reason": made[0]["finish"]}], "usage": usage}

    server.reply = reply
    assert generate(server, prompts, "--greedy", "--max-new-tokens", 6, "--connections", 1).code == 0
    texts["server"] = answers(prompts)
    done = command("generate", "--model", tiny_model, "--prompts", prompts, "--out", prompts.with_name("here.jsonl"),
                   "--greedy", "--max-new-tokens", 6)  # fmt: skip
    assert done.code == 0
    here = prompts.with_name("here.jsonl").read_text(encoding="utf-8").splitlines()
    assert texts["server"] == [json.loads(line) for line in here]
