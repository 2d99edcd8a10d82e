"""Judging the answers of one system. Read this first: it is the way from answers to scores.

Rows and answers are read and joined; each row that can be judged becomes a question for each repeat; the questions are
asked, each reply is read, and what is missing stays missing, with its reason.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from belle_data import __version__
from belle_data.errors import UsageError
from belle_train.judge.answers import Answers, read_answers
from belle_train.judge.asking import Question, ask
from belle_train.judge.budget import Tokens
from belle_train.judge.evaluation_rows import read_evaluation_rows
from belle_train.judge.human_scores import read_human_scores
from belle_train.judge.judged_folder import SCORES, JudgedFolder
from belle_train.judge.replies import Missing, Reply
from belle_train.judge.score_reply import score_of
from belle_train.judge.statistics import ScoredRow, summarise

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from belle_data.engine.progress import Listener
    from belle_data.evalset.evaluation_rows import EvaluationRow
    from belle_train.judge.budget import Budget
    from belle_train.judge.judge_prompts import JudgeRecipe
    from belle_train.judge.judge_server import JudgeServer

MOST_REPEATS = 100


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be judged, and how.

    Attributes:
        answers: The file of answers.
        evaluation: The evaluation set.
        out: The folder for the scores.
        recipe: How the judge is asked.
        recipe_name: What the user called it.
        repeats: How often each answer is judged, 1 to `MOST_REPEATS`.
        name: Of the system in tables; None takes the name of the file of answers.
        labels: ``factor``, ``base`` and ``data``, as Table 2 of the paper has them; None where not given.
        human: A file of people's scores; None without.
        limit: Only the first rows; None for all.
        force: Replace results of other settings.
    """

    answers: Path
    evaluation: Path
    out: Path
    recipe: JudgeRecipe
    recipe_name: str
    repeats: int = 1
    name: str | None = None
    labels: dict[str, str | None] | None = None
    human: Path | None = None
    limit: int | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the rows.

    Attributes:
        summary: What ``summary.json`` says.
        manifest: What ``manifest.json`` says.
        unused: Answers that belong to no row.
    """

    summary: dict[str, Any]
    manifest: dict[str, Any]
    unused: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A job that is read and checked: nothing is left but to ask.

    Attributes:
        rows: Of the evaluation set.
        digest: Its SHA-256.
        answers: Joined to the rows.
        human: People's scores by id.
        questions: To ask, with the places of their rows.
        places: Of the row of each question.
        folder: For the results.
    """

    rows: list[EvaluationRow]
    digest: str
    answers: Answers
    human: dict[str, float]
    questions: list[Question]
    places: list[int]
    folder: JudgedFolder


def plan(job: Job, server: JudgeServer) -> Plan:
    """Read and check everything, and write nothing.

    Raises:
        BelleError: Wrong use or input, or the folder holds other results.
    """
    if not 1 <= job.repeats <= MOST_REPEATS:
        raise UsageError(f"repeats are 1 to {MOST_REPEATS}", value=job.repeats)
    server.check()
    rows, digest = read_evaluation_rows(job.evaluation)
    rows = rows[: job.limit]
    answers = read_answers(job.answers, rows, job.name)
    human = {} if job.human is None else read_human_scores(job.human, {row.id for row in rows})
    settings = {
        "evaluation": digest,
        "answers": answers.sha256,
        "rows": len(rows),
        **server.settings(),
        "accepted_models": sorted(server.accepted_models),
        "recipe": job.recipe.sha256,
        "repeats": job.repeats,
    }
    folder = JudgedFolder(job.out, settings, force=job.force)
    questions, places = [], []
    for place, (row, answer) in enumerate(zip(rows, answers.by_row, strict=True)):
        if not isinstance(_to_ask(row, answer), str):
            continue
        messages = job.recipe.messages(row.category, row.prompt, row.shown_reference, str(answer))
        for repeat in range(job.repeats):
            questions.append(Question(f"{row.id}, repeat {repeat + 1}", messages, repeat))
            places.append(place)
    return Plan(rows, digest, answers, human, questions, places, folder)


def judge(job: Job, planned: Plan, server: JudgeServer, budget: Budget, listener: Listener) -> Judged:
    """Ask, read the replies and write the folder.

    Raises:
        UsageError: The server refuses the key, or has no such model.
        SourceError: It cannot be reached at all, or stored replies are damaged.
        RunFolderError: The folder cannot be written, or another process works in it.
    """
    with planned.folder.replies(listener.message) as store:
        replies = ask(server, planned.questions, job.recipe.reply_schema, store, budget, listener)
    lines = _lines(job, planned, replies)
    summary = summarise([_scored(line) for line in lines]).to_dict()
    manifest = _manifest(job, planned, server, budget, replies)
    planned.folder.write(SCORES, lines, summary, manifest)
    return Judged(summary, manifest, planned.answers.unused)


def _to_ask(row: EvaluationRow, answer: str | Missing) -> str | Missing:
    """The answer to judge, or why the row cannot be judged."""
    if isinstance(answer, str) and row.lacks_reference:
        return Missing("no_reference")
    return answer


def _lines(job: Job, planned: Plan, replies: Sequence[Reply | Missing]) -> list[dict[str, Any]]:
    """A line for each row, in their order."""
    by_place: dict[int, list[Reply | Missing]] = {}
    for place, reply in zip(planned.places, replies, strict=True):
        by_place.setdefault(place, []).append(reply)
    lines = []
    for place, (row, answer) in enumerate(zip(planned.rows, planned.answers.by_row, strict=True)):
        unasked = _to_ask(row, answer)
        if isinstance(unasked, Missing):
            found: list[Reply | Missing] = [unasked] * job.repeats
            read: list[float | Missing] = [unasked] * job.repeats
        else:
            found = by_place[place]
            quoted = [text for text in (row.prompt, row.shown_reference, unasked) if text is not None]
            read = [reply if isinstance(reply, Missing) else _read(reply, quoted) for reply in found]
        scores = [value if isinstance(value, float) else None for value in read]
        given = [score for score in scores if score is not None]
        details = [value.detail for value in read if isinstance(value, Missing) and value.detail]
        lines.append(
            {
                "id": row.id,
                "category": row.category,
                "prompt": row.prompt,
                "reference": row.reference,
                "answer": answer if isinstance(answer, str) else None,
                # A mean over fewer repeats would be of another kind: a row with one missing is missing.
                "score": sum(given) / len(given) if len(given) == len(scores) else None,
                "scores": scores,
                "missing": [value.reason if isinstance(value, Missing) else None for value in read],
                "detail": details[0] if details else None,
                "judged": [reply.text if isinstance(reply, Reply) else None for reply in found],
                "human": planned.human.get(row.id),
            }
        )
    return lines


def _read(reply: Reply, quoted: Sequence[str]) -> float | Missing:
    return score_of(reply.text, finish=reply.finish, quoted=quoted)


def _scored(line: dict[str, Any]) -> ScoredRow:
    reasons = [reason for reason in line["missing"] if reason is not None]
    return ScoredRow(
        id=line["id"],
        category=line["category"],
        score=line["score"],
        missing=reasons[0] if reasons else None,
        characters=None if line["answer"] is None else len(line["answer"]),
        scores=tuple(line["scores"]) if len(line["scores"]) > 1 else (),
        human=line["human"],
    )


def _manifest(
    job: Job, planned: Plan, server: JudgeServer, budget: Budget, replies: Sequence[Reply | Missing]
) -> dict[str, Any]:
    answers = planned.answers
    return {
        "kind": "judge",
        "name": answers.name,
        "judge": judge_facts(server, job.recipe_name, job.recipe.sha256, repeats=job.repeats),
        "evaluation": {"path": str(job.evaluation), "sha256": planned.digest, "rows": len(planned.rows)},
        "answers": {**answers.to_dict(), "unused": answers.unused},
        "training": training_of(answers),
        "replies": reply_facts(replies, budget),
        "labels": {name: (job.labels or {}).get(name) for name in ("factor", "base", "data")},
        "made_by": {"belle-data": __version__},
    }


def judge_facts(server: JudgeServer, recipe: str, sha256: str, *, repeats: int) -> dict[str, Any]:
    """What a manifest says of the judge."""
    return {**server.settings(), "repeats": repeats, "recipe": recipe, "recipe_sha256": sha256}


def reply_facts(replies: Sequence[Reply | Missing], budget: Budget) -> dict[str, Any]:
    """What a manifest says of the replies: models, dates, tokens and cost of those that the results are made of.

    Dates are the server's own, so the same replies give the same bytes whenever they are read.
    """
    there = [reply for reply in replies if isinstance(reply, Reply)]
    dates = [reply.created for reply in there if reply.created]
    prompt = sum(reply.prompt_tokens or 0 for reply in there)
    answer = sum(reply.answer_tokens or 0 for reply in there)
    counted = all(reply.prompt_tokens is not None and reply.answer_tokens is not None for reply in there)
    return {
        "count": len(there),
        "models": dict(sorted(Counter(reply.model or "" for reply in there).items())),
        "first": _date(min(dates)) if dates else None,
        "last": _date(max(dates)) if dates else None,
        "prompt_tokens": prompt,
        "answer_tokens": answer,
        "cost": budget.cost(Tokens(prompt, answer)) if counted else None,
        "currency": "USD",
    }


def training_of(answers: Answers) -> dict[str, Any] | None:
    """What is known of the model that answered: its name, and what was trained of what on which files."""
    made_from = answers.about.get("made_from")
    return made_from if isinstance(made_from, dict) else None


def _date(seconds: int) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
