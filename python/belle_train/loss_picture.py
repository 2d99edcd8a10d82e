"""The page of a training: how the loss fell, and what it was trained with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle_data.page import charts
from belle_data.page.bilingual import Both
from belle_data.page.charts import Line
from belle_data.page.render import bytes_text, render, system_language
from belle_data.page.shown import shown_text
from belle_train.page_words import data_facts, left_out_facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from belle_data.page.bilingual import Text
    from belle_train.page_words import Facts

_NAME_CHARACTERS = 200
_STEPS = Both("step", "步")
_LOSS, _RATE = Both("loss", "损失"), Both("learning rate", "学习率")
_HELD_OUT = Both("held-out loss", "留出损失")
_ONLY = {
    "all": Both("all", "全部"),
    "embeddings": Both("embeddings", "词嵌入"),
    "new-rows": Both("new rows of the embeddings", "词嵌入的新增行"),
}


def loss_page(report: dict[str, Any], losses: Sequence[Mapping[str, Any]], *, language: str | None = None) -> str:
    """Make the page of a training, the same bytes for the same report and losses.

    Args:
        report: What ``train_report.json`` says.
        losses: The lines of ``log.jsonl``: ``step``, ``loss``, and ``learning_rate`` if it was logged; none gives a
            page without curves.
        language: In which it opens, ``en`` or ``zh``; None takes that of the system. It holds both.

    Returns:
        HTML that fetches nothing and runs no script.

    Raises:
        UsageError: The language is none of the two.
    """
    fine_tuned = report["kind"] == "sft"
    before, after = report["held_out_loss_before"], report["held_out_loss_after"]
    held_out = [(0.0, before), (float(report["steps"]), after)] if before is not None and after is not None else []
    title = Both("Fine-tuning", "指令微调") if fine_tuned else Both("Pretraining", "预训练")
    recipe, max_length = report["recipe"], report["recipe"]["data"]["max_length"]
    return render(
        "loss.html.j2",
        language=language or system_language(),
        title=title,
        name=_shown(Path(report["model"]).name or report["model"]),
        cards=_cards(report),
        logged=bool(losses),
        held_out=held_out,
        loss=_loss(losses, held_out),
        rate=_rate(losses),
        run=_run(report),
        counts=data_facts(report["data"], max_length, conversations=fine_tuned),
        left_out=left_out_facts(report["data"]["left_out"]),
        sources=[
            {
                "name": _shown(source["name"]),
                "size": bytes_text(source.get("size")),
                "rows": f"{source['rows']:,}" if source.get("rows") is not None else "–",
                "language": source.get("language") or "–",
                "hash": source.get("hash") or "–",
            }
            for source in report["data"]["sources"]
        ],
        hash_name="XXH3-128" if fine_tuned else "SHA-256",
        versions=[(name, _shown(str(version))) for name, version in report["versions"].items()],
        recipe=json.dumps(recipe, ensure_ascii=False, indent=2),
        recipe_sha256=report["recipe_sha256"],
    )


def _shown(text: str) -> str:
    return shown_text(text, _NAME_CHARACTERS)


def _figure(loss: float | None) -> str:
    return "–" if loss is None else f"{loss:.4f}"


def _cards(report: Mapping[str, Any]) -> Facts:
    cards: Facts = [
        (f"{report['steps']:,}", Both("steps", "步数")),
        (_figure(report["loss_first"]), Both("first loss", "最初损失")),
        (_figure(report["loss_last"]), Both("last loss", "最后损失")),
    ]
    if report["held_out_loss_before"] is not None:
        cards += [
            (_figure(report["held_out_loss_before"]), Both("held-out loss before", "训练前留出损失")),
            (_figure(report["held_out_loss_after"]), Both("held-out loss after", "训练后留出损失")),
        ]
    return cards


def _points(losses: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(float(line["step"]), float(line[name])) for line in losses if line.get(name) is not None]


def _loss(losses: Sequence[Mapping[str, Any]], held_out: list[tuple[float, float]]) -> Markup:
    return charts.curve(
        Both("Loss by step", "各步损失"),
        Both(f"From {_ends(_points(losses, 'loss'))}.", f"从 {_ends(_points(losses, 'loss'), '到')}。"),
        [Line(_LOSS, _points(losses, "loss"), "kept")],
        across=_STEPS,
        upward=_LOSS,
        dots=[Line(_HELD_OUT, held_out, "removed")],
    )


def _rate(losses: Sequence[Mapping[str, Any]]) -> Markup:
    return charts.curve(
        Both("Learning rate by step", "各步学习率"),
        Both("How it rises in the warm-up, and falls.", "预热时上升，随后下降。"),
        [Line(_RATE, _points(losses, "learning_rate"), "kept")],
        across=_STEPS,
        upward=_RATE,
        from_zero=True,
    )


def _ends(points: list[tuple[float, float]], to: str = "to") -> str:
    return f"{points[0][1]:.4f} {to} {points[-1][1]:.4f}" if points else "–"


def _run(report: Mapping[str, Any]) -> Facts:
    settings = report["recipe"]["training"]
    learns: Text = (
        Both("low-rank adapters", "低秩适配器") if report["lora"] else _ONLY.get(report["only"], report["only"])
    )
    split = f"{report['processes']} × {report['micro_batch']} × {report['accumulated']}"
    speed = report["tokens_per_second"]
    facts: Facts = [
        (Both("steps", "步数"), f"{report['steps']:,}"),
        (Both("epochs", "轮数"), f"{report['epochs']:g}"),
        (Both("sequences a step", "每步序列数"), f"{report['sequences_a_step']:,}"),
        (Both("processes × micro batch × accumulated", "进程数 × 微批 × 累积"), split),
        (Both("stage of ZeRO", "ZeRO 级别"), str(report["zero"]) if report["zero"] else Both("none", "无")),
        (Both("precision", "精度"), report["precision"]),
        (Both("learning rate", "学习率"), f"{settings['learning_rate']:g} ({settings['schedule']})"),
        (Both("weight decay", "权重衰减"), f"{settings['weight_decay']:g}"),
        (Both("pieces of a sequence at most", "序列最大词元数"), f"{report['recipe']['data']['max_length']:,}"),
        (Both("what learns", "训练对象"), learns),
        (Both("parameters that learn", "可训练参数"), f"{report['learned_parameters']:,} / {report['parameters']:,}"),
        (Both("frozen tensors, the same before and after", "冻结张量（前后一致）"), f"{report['frozen_tensors']:,}"),
        (Both("device", "设备"), _shown(report["device"])),
        (Both("time", "用时"), f"{report['seconds']:,.1f} s"),
        (Both("pieces per second", "每秒词元数"), "–" if speed is None else f"{speed:,.0f}"),
        (Both("memory at most", "内存峰值"), bytes_text(report["peak_memory_bytes"])),
    ]
    if report["resumed_from_step"]:
        facts.append((Both("went on from step", "续训起始步"), f"{report['resumed_from_step']:,}"))
    return facts
