"""Comparing the answers of two systems pair by pair: each pair is shown in both orders.

So Alpaca, Vicuna and LLaMA-GPT4 were judged. A judge that prefers the first place whatever stands there contradicts
itself when the order changes: a system wins a row only if it wins in both orders, and all else is a tie (Zheng et al.
2023, arXiv 2306.05685, section 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from belle_data import __version__
from belle_data.errors import UsageError
from belle_train.judge.answers import Answers, read_answers
from belle_train.judge.asking import Question, ask
from belle_train.judge.evaluation_rows import read_evaluation_rows
from belle_train.judge.judged_folder import VERDICTS, JudgedFolder
from belle_train.judge.judging import judge_facts, reply_facts, training_of
from belle_train.judge.replies import Missing, Reply
from belle_train.judge.verdict_reply import pair_scores_of, verdict_of
from belle_train.judge.win_rates import VerdictRow, win_rates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data.engine.progress import Listener
    from belle_data.evalset.evaluation_rows import EvaluationRow
    from belle_train.judge.budget import Budget
    from belle_train.judge.judge_prompts import CompareRecipe
    from belle_train.judge.judge_server import JudgeServer

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be compared, and how.

    Attributes:
        a: The file of answers of one system.
        b: That of the other.
        evaluation: The evaluation set.
        out: The folder for the verdicts.
        recipe: How the judge is asked.
        recipe_name: What the user called it.
        name_a: Of the first system in tables; None takes the name of its file.
        name_b: Of the second.
        limit: Only the first rows; None for all.
        force: Replace results of other settings.
    """

    a: Path
    b: Path
    evaluation: Path
    out: Path
    recipe: CompareRecipe
    recipe_name: str
    name_a: str | None = None
    name_b: str | None = None
    limit: int | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of the rows: what ``summary.json`` and ``manifest.json`` say."""

    summary: dict[str, Any]
    manifest: dict[str, Any]
    unused: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A job that is read and checked: nothing is left but to ask."""

    rows: list[EvaluationRow]
    digest: str
    sides: dict[Side, Answers]
    questions: list[Question]
    places: list[tuple[int, Side]]
    """Row and side that is shown first, of each question."""
    folder: JudgedFolder


@dataclass(frozen=True, slots=True)
class Order:
    """A pair as it was shown once.

    Attributes:
        first: Whose answer stood first.
        verdict: Which is better; None if it is missing.
        scores: Of a and of b, where the recipe asks for scores.
        missing: Why there is no verdict.
        detail: What the server or the parser said.
        judged: The judge's reply.
    """

    first: Side
    verdict: str | None
    scores: tuple[float, float] | None = None
    missing: str | None = None
    detail: str | None = None
    judged: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in ``verdicts.jsonl``."""
        scores = {} if self.scores is None else {"scores": list(self.scores)}
        return {
            "first": self.first,
            "verdict": self.verdict,
            **scores,
            "missing": self.missing,
            "detail": self.detail,
            "judged": self.judged,
        }


def plan(job: Job, server: JudgeServer) -> Plan:
    """Read and check everything, and write nothing.

    Raises:
        BelleError: Wrong use or input, or the folder holds other results.
    """
    server.check()
    rows, digest = read_evaluation_rows(job.evaluation)
    rows = rows[: job.limit]
    sides: dict[Side, Answers] = {
        "a": read_answers(job.a, rows, job.name_a),
        "b": read_answers(job.b, rows, job.name_b),
    }
    if sides["a"].name == sides["b"].name:
        hint = "--name-a and --name-b tell them apart"
        raise UsageError("the two systems have one name", value=sides["a"].name, hint=hint)
    settings = {
        "evaluation": digest,
        "a": sides["a"].sha256,
        "b": sides["b"].sha256,
        "rows": len(rows),
        **server.settings(),
        "accepted_models": sorted(server.accepted_models),
        "recipe": job.recipe.sha256,
    }
    folder = JudgedFolder(job.out, settings, force=job.force)
    questions: list[Question] = []
    places: list[tuple[int, Side]] = []
    for place, row in enumerate(rows):
        texts = {side: sides[side].by_row[place] for side in SIDES}
        if _unasked(row, texts) is not None:
            continue
        for first, second in (SIDES, SIDES[::-1]):
            messages = job.recipe.messages(
                row.category, row.prompt, row.shown_reference, str(texts[first]), str(texts[second])
            )
            questions.append(Question(f"{row.id}, {first} first", messages))
            places.append((place, first))
    return Plan(rows, digest, sides, questions, places, folder)


def compare(job: Job, planned: Plan, server: JudgeServer, budget: Budget, listener: Listener) -> Compared:
    """Ask, read the replies and write the folder.

    Raises:
        UsageError: The server refuses the key, or has no such model.
        SourceError: It cannot be reached at all, or stored replies are damaged.
        RunFolderError: The folder cannot be written, or another process works in it.
    """
    with planned.folder.replies(listener.message) as store:
        replies = ask(server, planned.questions, job.recipe.reply_schema, store, budget, listener)
    orders = _orders(job, planned, replies)
    verdicts = [_verdict(both) for both in orders]
    summary = win_rates(
        VerdictRow(row.category, verdict, tuple((order.first, order.verdict) for order in both))
        for row, verdict, both in zip(planned.rows, verdicts, orders, strict=True)
    ).to_dict()
    summary["missing_reasons"] = _reasons(orders)
    if job.recipe.way == "scores":
        summary["relative_score"] = _relative_score(orders)
    manifest = _manifest(job, planned, server, budget, replies)
    lines = [
        _line(planned, place, verdict, both) for place, (verdict, both) in enumerate(zip(verdicts, orders, strict=True))
    ]
    planned.folder.write(VERDICTS, lines, summary, manifest)
    return Compared(summary, manifest, sum(side.unused for side in planned.sides.values()))


def _unasked(row: EvaluationRow, texts: dict[Side, str | Missing]) -> Missing | None:
    """Why a row cannot be compared; None if it can."""
    for side in SIDES:
        text = texts[side]
        if isinstance(text, Missing):
            return Missing(text.reason, f"{side}: {text.detail}" if text.detail else side)
    return Missing("no_reference") if row.lacks_reference else None


def _orders(job: Job, planned: Plan, replies: Sequence[Reply | Missing]) -> list[list[Order]]:
    """Both orders of each row."""
    found = dict(zip(planned.places, replies, strict=True))
    orders = []
    for place, row in enumerate(planned.rows):
        texts = {side: planned.sides[side].by_row[place] for side in SIDES}
        unasked = _unasked(row, texts)
        quoted = [text for text in (row.prompt, row.shown_reference, *texts.values()) if isinstance(text, str)]
        orders.append(
            [_order(job, first, unasked or found[place, first], quoted if unasked is None else []) for first in SIDES]
        )
    return orders


def _order(job: Job, first: Side, reply: Reply | Missing, quoted: Sequence[str]) -> Order:
    if isinstance(reply, Missing):
        return Order(first, None, missing=reply.reason, detail=reply.detail)
    second: Side = "b" if first == "a" else "a"
    if job.recipe.way == "scores":
        pair = pair_scores_of(reply.text, finish=reply.finish, quoted=quoted)
        if isinstance(pair, Missing):
            return Order(first, None, missing=pair.reason, detail=pair.detail, judged=reply.text)
        scores = pair if first == "a" else pair[::-1]
        better = "tie" if scores[0] == scores[1] else SIDES[scores[1] > scores[0]]
        return Order(first, better, scores=(scores[0], scores[1]), judged=reply.text)
    verdict = verdict_of(reply.text, finish=reply.finish, quoted=quoted)
    if isinstance(verdict, Missing):
        return Order(first, None, missing=verdict.reason, detail=verdict.detail, judged=reply.text)
    return Order(first, {"first": first, "second": second, "tie": "tie"}[verdict], judged=reply.text)


def _verdict(both: Sequence[Order]) -> str | None:
    """The verdict of a row: what both orders say, a tie where they differ, None where one is missing."""
    said = [order.verdict for order in both]
    if None in said:
        return None
    return said[0] if said[0] == said[1] else "tie"


def _reasons(orders: Sequence[Sequence[Order]]) -> dict[str, int]:
    """How many rows each reason leaves without a verdict; the first of a row counts."""
    counts: dict[str, int] = {}
    for both in orders:
        reason = next((order.missing for order in both if order.missing is not None), None)
        if reason is not None:
            counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))


def _relative_score(orders: Sequence[Sequence[Order]]) -> dict[str, float | int | None]:
    """The sums of the scores of both systems over rows that have them in both orders, and their ratio.

    So Vicuna and LLaMA-GPT4 give a system's score in percent of another's (Peng et al. 2023, arXiv 2304.03277).
    """
    pairs = [order.scores for both in orders if all(order.scores for order in both) for order in both if order.scores]
    total_a, total_b = (sum(pair[side] for pair in pairs) for side in (0, 1))
    return {
        "rows": len(pairs) // 2,
        "a": total_a if pairs else None,
        "b": total_b if pairs else None,
        "ratio": total_a / total_b if total_b else None,
    }


def _line(planned: Plan, place: int, verdict: str | None, both: Sequence[Order]) -> dict[str, Any]:
    row = planned.rows[place]
    texts = {side: planned.sides[side].by_row[place] for side in SIDES}
    return {
        "id": row.id,
        "category": row.category,
        "prompt": row.prompt,
        "reference": row.reference,
        **{side: text if isinstance(text, str) else None for side, text in texts.items()},
        "verdict": verdict,
        "orders": [order.to_dict() for order in both],
    }


def _manifest(
    job: Job, planned: Plan, server: JudgeServer, budget: Budget, replies: Sequence[Reply | Missing]
) -> dict[str, Any]:
    sides: dict[str, dict[str, Any]] = {
        side: {
            "name": planned.sides[side].name,
            **planned.sides[side].to_dict(),
            "unused": planned.sides[side].unused,
            "training": training_of(planned.sides[side]),
        }
        for side in SIDES
    }
    return {
        "kind": "compare",
        "name": f"{sides['a']['name']} : {sides['b']['name']}",
        **sides,
        "judge": {**judge_facts(server, job.recipe_name, job.recipe.sha256, repeats=1), "way": job.recipe.way},
        "evaluation": {"path": str(job.evaluation), "sha256": planned.digest, "rows": len(planned.rows)},
        "replies": reply_facts(replies, budget),
        "made_by": {"belle-data": __version__},
    }
