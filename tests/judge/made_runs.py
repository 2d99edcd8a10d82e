"""Folders as `judge` and `compare` leave them, written without a judge."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from belle_data.evalset.categories import CATEGORIES, WITHOUT_REFERENCE
from belle_train.judge.statistics import ScoredRow, summarise
from belle_train.judge.win_rates import VerdictRow, win_rates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Row = dict[str, Any]
WORDS = "春天来了公园里的花都开孩子们在草地上放风筝笑声传得很远水和米比例是多少如何列出三种水果请写一首关于秋天短诗"


def text(seed: str, length: int) -> str:
    """Chinese characters, the same for the same seed."""
    return "".join(random.Random(seed).choices(WORDS, k=length))


def made_rows(count: int, name: str = "set") -> list[Row]:
    """Rows of an evaluation set, of the nine categories in turn."""
    rows = []
    for number in range(count):
        category = CATEGORIES[number % len(CATEGORIES)]
        reference = None if category in WITHOUT_REFERENCE else text(f"{name} reference {number}", 30 + number % 50)
        prompt = text(f"{name} prompt {number}", 20 + number % 60)
        rows.append({"id": f"eval-{name}-{number}", "category": category, "prompt": prompt, "reference": reference})
    return rows


def judged_lines(
    rows: Sequence[Row], seed: str, *, good: float = 0.7, missing: Callable[[int], str | None] = lambda _: None
) -> list[Row]:
    """Lines of ``scores.jsonl``: a system about so good; `missing` gives the reason why a row has no score."""
    chance = random.Random(seed)
    lines = []
    for number, row in enumerate(rows):
        score = round(min(1.0, max(0.0, chance.gauss(good, 0.2))), 1)
        answer, reason = text(f"{seed} {number}", chance.randint(5, 300)), missing(number)
        if reason is not None:
            judged = None if reason in {"no_answer", "timeout"} else "我无法给出分数。"
            more: Row = {"score": None, "scores": [None], "missing": [reason], "detail": None, "judged": [judged]}
            answer_or_none = None if reason == "no_answer" else answer
            lines.append({**row, "answer": answer_or_none, **more, "human": None})
            continue
        judged = f"回答{text(f'{seed} reason {number}', 40)}。\n得分：{score}"
        more = {"score": score, "scores": [score], "missing": [None], "detail": None, "judged": [judged]}
        lines.append({**row, "answer": answer, **more, "human": None})
    return lines


def summary_of(lines: Sequence[Row]) -> Row:
    """A summary, with the numbers of these lines."""
    rows = [
        ScoredRow(
            id=line["id"],
            category=line["category"],
            score=line["score"],
            missing=next((reason for reason in line["missing"] if reason is not None), None),
            characters=None if line["answer"] is None else len(line["answer"]),
            scores=tuple(line["scores"]) if len(line["scores"]) > 1 else (),
            human=line["human"],
        )
        for line in lines
    ]
    return summarise(rows, samples=200).to_dict()


def manifest_of(name: str, rows: Sequence[Row], **labels: str | None) -> Row:
    """A manifest with all that a finished run knows."""
    content = "".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return {
        "kind": "judge",
        "name": name,
        "judge": {
            "model": "judge-model-1",
            "base_url": "https://judge.invalid/v1",
            "structured": "auto",
            "temperature": 0.0,
            "max_tokens": 1024,
            "repeats": 1,
            "recipe": "judge-zh",
            "recipe_sha256": "1" * 64,
        },
        "evaluation": {"path": "eval.jsonl", "sha256": sha256(content.encode()).hexdigest(), "rows": len(rows)},
        "answers": {
            "path": f"answers/{name}.jsonl",
            "sha256": sha256(name.encode()).hexdigest(),
            "settings": {"prompts": "6" * 64, "model": "2" * 64, "temperature": 0.001, "seed": 42},
        },
        "training": {
            "model": f"models/{name}",
            "training": {
                "kind": "sft",
                "model": "base",
                "recipe_sha256": "3" * 64,
                "steps": 1200,
                "epochs": 3.0,
                "lora": False,
                "data": [{"name": "shards/part-00000.jsonl", "hash": "4" * 32, "rows": 5000}],
                "fingerprint": "5" * 64,
            },
        },
        "replies": {
            "count": len(rows),
            "models": {"judge-model-1-0613": len(rows)},
            "first": "2026-11-20T08:00:00+00:00",
            "last": "2026-11-20T08:12:30+00:00",
            "prompt_tokens": 123_456,
            "answer_tokens": 23_456,
            "cost": 0.4321,
            "currency": "USD",
        },
        "labels": {"base": None, "data": None, "factor": None, **labels},
        "made_by": {"belle-data": "0.1.0"},
    }


def write_folder(folder: Path, manifest: Row, summary: Row, lines: Sequence[Row]) -> Path:
    """Write a folder of `judge`, or with verdicts one of `compare`."""
    folder.mkdir(parents=True)
    name = "scores.jsonl" if manifest["kind"] == "judge" else "verdicts.jsonl"
    content = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    (folder / name).write_bytes(content.encode("utf-8", "backslashreplace"))
    for other, value in (("summary.json", summary), ("manifest.json", manifest)):
        found = json.dumps(value, ensure_ascii=False, indent=2)
        (folder / other).write_bytes(found.encode("utf-8", "backslashreplace"))
    return folder


def write_run(
    folder: Path,
    name: str,
    rows: Sequence[Row],
    *,
    good: float = 0.7,
    missing: Callable[[int], str | None] = lambda _: None,
    **labels: str | None,
) -> Path:
    """Write a whole folder of `judge`."""
    lines = judged_lines(rows, name, good=good, missing=missing)
    return write_folder(folder / name, manifest_of(name, rows, **labels), summary_of(lines), lines)


def write_comparison(folder: Path, name: str, first: str, second: str, rows: Sequence[Row]) -> Path:
    """Write a folder of `compare`: of five rows the first wins two, the second one, one is a tie, one is missing."""
    lines = []
    for number, row in enumerate(rows):
        verdict = ("a", "b", "tie", "a", None)[number % 5]
        other = "b" if number % 5 == 2 else verdict
        orders = [
            {"first": "a", "verdict": "a" if number % 5 == 2 else verdict, "missing": None, "judged": "回答一更好。"},
            {"first": "b", "verdict": other, "missing": None if verdict else "no_score", "judged": "两者相当。"},
        ]
        answers = {"a": text(f"{first} {number}", 60), "b": text(f"{second} {number}", 60)}
        lines.append({**row, **answers, "verdict": verdict, "orders": orders})
    manifest = manifest_of(name, rows)
    answers = manifest.pop("answers")
    manifest |= {"kind": "compare", "a": {**answers, "name": first}, "b": {**answers, "name": second}}
    found = win_rates(
        (
            VerdictRow(
                line["category"], line["verdict"], tuple((one["first"], one["verdict"]) for one in line["orders"])
            )
            for line in lines
        ),
        samples=200,
    )
    missing = sum(line["verdict"] is None for line in lines)
    summary = {**found.to_dict(), "missing_reasons": {"no_score": missing} if missing else {}}
    return write_folder(folder / name, manifest, summary, lines)
