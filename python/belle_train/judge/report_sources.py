"""Where the scores of a run come from: model, training, answers, evaluation set, judge, dates, cost, failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.page.bilingual import Both
from belle_train.judge.judged_runs import JudgedRun
from belle_train.judge.report_words import DASH, NAME_CHARACTERS, isolated, reason_text, sentence, value_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from belle_data.page.bilingual import Text
    from belle_train.judge.judged_runs import Comparison

_SHARDS = 200
"""Files of a training that are listed."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Facts under a heading, and the files of a training: name, rows, hash."""

    title: Text
    facts: list[tuple[Text, Text]]
    files: list[tuple[str, str, str]] = field(default_factory=list)
    more_files: int = 0


def provenance(run: JudgedRun | Comparison, name: str) -> tuple[str, list[Origin]]:
    """All that a manifest tells, with a dash for what it does not."""
    manifest = run.manifest
    found: list[Origin] = []
    if isinstance(run, JudgedRun):
        training = _object(manifest.get("training"))
        found += [_answers(Both("Model and answers", "模型与回答"), _object(manifest.get("answers")), training)]
        found += [_training(Both("Training", "训练"), training)]
    else:
        for side, shown in (("a", run.first), ("b", run.second)):
            about, title = _object(manifest.get(side)), value_text(shown)[:NAME_CHARACTERS]
            training = _object(about.get("training"))
            found += [
                _answers(title, about, training),
                _training(sentence(("Training: {}", "训练：{}"), isolated(title)), training),
            ]
    found.append(_facts(Both("Evaluation set", "评测集"), manifest.get("evaluation"), _EVALUATION))
    found.append(_facts(Both("Judge", "评审"), manifest.get("judge"), _JUDGE))
    found.append(_replies(Both("Replies", "评审回复"), manifest.get("replies")))
    if isinstance(run, JudgedRun) and run.missing:
        lost: list[tuple[Text, Text]] = [(reason_text(reason), f"{count:,}") for reason, count in run.missing.items()]
        found.append(Origin(Both("What failed", "失败原因"), lost))
    made_by = _object(manifest.get("made_by"))
    folder: list[tuple[Text, Text]] = [(Both("folder", "文件夹"), value_text(Path(run.folder).name))]
    found.append(
        Origin(Both("Made by", "生成工具"), folder + [(value_text(key), value_text(made_by[key])) for key in made_by])
    )
    return name, found


_EVALUATION: dict[str, Text] = {
    "path": Both("file", "文件"),
    "sha256": "SHA-256",
    "rows": Both("rows", "行数"),
}
_JUDGE: dict[str, Text] = {
    "model": Both("model", "模型"),
    "base_url": Both("server", "服务器"),
    "recipe": Both("recipe", "配方"),
    "recipe_sha256": Both("SHA-256 of the recipe", "配方的 SHA-256"),
    "repeats": Both("repeats", "重复次数"),
    "temperature": Both("temperature", "温度"),
    "max_tokens": Both("tokens of a reply at most", "回复的最大词元数"),
    "structured": Both("structured output", "结构化输出"),
}
_REPLIES: dict[str, Text] = {
    "count": Both("replies", "回复数"),
    "models": Both("models that replied", "实际回复的模型"),
    "first": Both("first", "最早"),
    "last": Both("last", "最晚"),
    "prompt_tokens": Both("tokens of prompts", "提示词元数"),
    "answer_tokens": Both("tokens of replies", "回复词元数"),
    "cost": Both("cost", "费用"),
}
_TRAINING: dict[str, Text] = {
    "kind": Both("kind", "类型"),
    "model": Both("of the model", "所用模型"),
    "recipe_sha256": Both("SHA-256 of the recipe", "配方的 SHA-256"),
    "steps": Both("steps", "步数"),
    "epochs": Both("epochs", "轮数"),
    "lora": "LoRA",
    "fingerprint": Both("fingerprint of the data", "数据指纹"),
}


def _facts(title: Text, value: object, names: Mapping[str, Text]) -> Origin:
    values = _object(value)
    return Origin(title, [(words, value_text(values.get(key))) for key, words in names.items()])


def _replies(title: Text, value: object) -> Origin:
    values = dict(_object(value))
    models, cost = _object(values.get("models")), values.get("cost")
    values["models"] = ", ".join(f"{name or DASH} × {count}" for name, count in models.items())
    for key in ("first", "last"):
        if isinstance(values.get(key), str):
            values[key] = values[key].replace("T", " ").replace("+00:00", " UTC")
    if isinstance(cost, int | float):
        values["cost"] = f"{value_text(float(cost))} {values.get('currency') or ''}"
    return _facts(title, values, _REPLIES)


def _answers(title: Text, answers: Mapping[str, Any], training: Mapping[str, Any]) -> Origin:
    settings = _object(answers.get("settings"))
    facts: list[tuple[Text, Text]] = [
        (Both("model", "模型"), value_text(training.get("model"))),
        (Both("file of answers", "回答文件"), value_text(answers.get("path"))),
        (Both("SHA-256 of the answers", "回答的 SHA-256"), value_text(answers.get("sha256"))),
    ]
    names = {
        "model": Both("digest or name of the model", "模型摘要或名称"),
        "prompts": Both("digest of the prompts", "提示的摘要"),
    }
    facts += [(names.get(key) or value_text(key), value_text(value)) for key, value in settings.items()]
    return Origin(title, facts)


def _training(title: Text, about: Mapping[str, Any]) -> Origin:
    """What was trained: as `generate` notes it beside answers, or the report of the training itself."""
    training = about.get("training") if "training" in about else about
    values = _object(training)
    if not values:
        words = Both("the model was not trained by belle, or it is not recorded", "模型不是由 belle 训练，或没有记录")
        return Origin(title, [(words, DASH)])
    data = values.get("data")
    sources = data.get("sources") if isinstance(data, dict) else data
    found = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    files = [tuple(value_text(one.get(key)) for key in ("name", "rows", "hash")) for one in found[:_SHARDS]]
    facts = _facts(title, values, _TRAINING).facts
    return Origin(title, facts, [(name, rows, digest) for name, rows, digest in files], max(0, len(found) - _SHARDS))


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
