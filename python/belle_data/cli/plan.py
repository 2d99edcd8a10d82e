"""What `clean` would do, found out without doing it: only the heads of the files are read, nothing is written."""

from __future__ import annotations

import json
from math import floor
from typing import TYPE_CHECKING, Any

from belle_data.cli.terminal import human_bytes
from belle_data.errors import BelleError, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from belle_data.config import Recipe
    from belle_data.sources import Source

HEAD_BYTES = 1 << 20
"""Decoded bytes of a file that are read to find its format."""
_BANDING = ("permutations", "bands", "rows_per_band")
_UNKNOWN = "found when it is read"


def make_plan(inputs: Sequence[str], out: str | None, recipe: Recipe) -> dict[str, Any]:
    """Resolve a run of `clean`: sources, stages with their settings, output.

    Raises:
        UsageError: An input names nothing.
        SourceError: An input cannot be read, or is not what its name says.
    """
    from belle_data.cli.plan_estimate import estimate  # noqa: PLC0415 - `--help` must not wait for them
    from belle_data.engine.local import folder_of, sources_of  # noqa: PLC0415
    from belle_data.stages.semantic_dedup import SemanticDedup  # noqa: PLC0415

    sources = sources_of(inputs, recipe.input.dataset_info)
    folder = folder_of(out, inputs)
    heads = [_head_lines(source) for source in sources]
    stages = stage_plans(recipe)
    for stage in stages:
        if stage["name"] == SemanticDedup.name:
            stage["estimate"] = estimate(recipe, list(zip(sources, heads, strict=True)))
    return {
        "inputs": [_source_plan(source, recipe, head) for source, head in zip(sources, heads, strict=True)],
        "input": recipe.input.model_dump(mode="json"),
        "stages": stages,
        "output": {"folder": str(folder), "folder_holds": _folder_holds(folder, sources), **recipe.output.model_dump()},
    }


def stage_plans(recipe: Recipe) -> list[dict[str, Any]]:
    """The stages that run, in order, each with its reasons and its settings as they were resolved."""
    from belle_data.pipeline import stages_of  # noqa: PLC0415

    return [
        {"name": stage.name, "reasons": list(stage.reasons), **_settings(stage.config.model_dump(mode="json"))}
        for stage in stages_of(recipe)
    ]


def _source_plan(source: Source, recipe: Recipe, head: bytes | None) -> dict[str, Any]:
    form = recipe.input.format
    return {
        "name": source.name,
        "size": source.size,
        "kind": source.kind,
        "compression": source.compression,
        "format": _detected(head) if form == "auto" else form,
    }


def _detected(head: bytes | None) -> str | None:
    """The format of the rows at the start of a source; None where only reading all of it tells."""
    from belle_data import _native  # noqa: PLC0415

    if head is None:
        return None
    return (_native.detect_format(head) or "mixed") if head else "mixed"


def _head_lines(source: Source) -> bytes | None:
    """The first whole lines of a source as the run will read them; None where looking at them is reading it."""
    from belle_data import _native  # noqa: PLC0415
    from belle_data.sources.storage import open_source  # noqa: PLC0415

    if (source.kind == "parquet" and "://" in source.location) or source.stamp.startswith("pipe="):
        return None
    splitter = _native.ArraySplitter() if source.kind == "json_array" else None
    head, whole = b"", True
    with open_source(source) as handle:
        try:
            for piece in _pieces(source, handle):
                head += piece if splitter is None else splitter.feed(piece)
                if len(head) >= HEAD_BYTES:
                    whole = False
                    break
        except (BelleError, ValueError):
            # What is damaged further on is for the run to report, with the place.
            whole = False
    if whole:
        return head
    end = head.rfind(b"\n")
    return head[: end + 1]


def _pieces(source: Source, handle: Any) -> Iterator[bytes]:
    if source.kind == "parquet":
        from belle_data.sources.parquet import parquet_lines  # noqa: PLC0415

        return parquet_lines(handle, source.size, source.name, lambda _: None)
    from belle_data.sources.decode import decoded  # noqa: PLC0415

    return decoded(handle, source.compression, source.name)


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a stage; of banded candidates also which settings were derived, and the curve that they give."""
    plan: dict[str, Any] = {"settings": config}
    if config.get("mode") == "banded" and all(key in config for key in _BANDING):
        from belle_data.stages.near_dedup import NearDedupConfig, recall_curve  # noqa: PLC0415

        plan["derived"] = _derived(config)
        curve = recall_curve(NearDedupConfig(**config))
        plan["candidate_curve"] = [list(point) for point in curve]
    return plan


def _derived(config: dict[str, Any]) -> list[str]:
    """The settings that follow from `target_recall`."""
    from belle_data.stages.near_dedup import NearDedupConfig, candidate_probability  # noqa: PLC0415

    target, permutations = config["target_recall"], config["permutations"]
    if target is None:
        return []
    # Permutations are doubled only while even bands of one row do not reach the target.
    enough = candidate_probability(config["threshold"], permutations // 2, 1) >= target
    given = enough or permutations == NearDedupConfig.model_fields["permutations"].default
    return list(_BANDING[1:] if given else _BANDING)


def _folder_holds(folder: Path, sources: Sequence[Source]) -> str:
    """What is in the run folder now, without touching it."""
    from belle_data.engine.run_folder import is_run_folder  # noqa: PLC0415 - `--help` must not wait for it

    try:
        if not folder.exists() or not any(folder.iterdir()):
            return "nothing"
        if not is_run_folder(folder):
            return "files that are not a run's: the run would stop"
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        names = [one["name"] for one in manifest["inputs"]]
        complete = bool(manifest["complete"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "an unfinished run"
    if names != [source.name for source in sources]:
        return "a run over other input"
    return "a run over this input" if complete else "a run over this input that was interrupted"


def plan_text(plan: dict[str, Any]) -> str:
    """The plan for a terminal."""
    lines = ["input"]
    for source in plan["inputs"]:
        size = "size unknown" if source["size"] is None else human_bytes(source["size"])
        packed = "" if source["compression"] == "none" else f", {source['compression']}"
        form = source["format"] or _UNKNOWN
        lines.append(f"  {escaped(source['name'])}: {size}, {source['kind']}{packed}, format {form}")
    lines.extend(f"  {key} = {_shown(value)}" for key, value in plan["input"].items() if key != "format")
    lines.append(stages_text(plan["stages"]))
    output = plan["output"]
    lines.append("output")
    lines.append(f"  folder: {escaped(output['folder'])} (holds {output['folder_holds']})")
    lines.extend(f"  {key} = {_shown(value)}" for key, value in output.items() if key not in {"folder", "folder_holds"})
    return "\n".join(lines)


def stages_text(stages: Sequence[dict[str, Any]]) -> str:
    """The stages and their settings for a terminal, with the curve of the candidates."""
    lines = [] if stages else ["no stage"]
    for stage in stages:
        lines.append(stage["name"])
        derived = stage.get("derived", [])
        lines.extend(
            f"  {key} = {_shown(value)}" + ("  (derived from target_recall)" if key in derived else "")
            for key, value in stage["settings"].items()
        )
        lines.extend(f"  {line}" for line in stage.get("estimate", {}).get("words", []))
        if "candidate_curve" in stage:
            lines.append("  probability that a pair of that similarity becomes a candidate:")
            # Rounded down: 1.000000 means that no such pair is missed.
            curve = [
                f"{similarity:.2f} {floor(share * 1e6) / 1e6:.6f}" for similarity, share in stage["candidate_curve"]
            ]
            lines.extend("    " + "   ".join(curve[start : start + 5]) for start in range(0, len(curve), 5))
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
