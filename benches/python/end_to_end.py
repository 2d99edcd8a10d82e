#!/usr/bin/env python3
"""Measure whole commands, each in a process of its own, and print Markdown tables.

    end_to_end.py --corpus FOLDER --stages near_dedup --threads 1,2 --peers rensa --repeat 3 --check check_removal.py

A corpus is a folder with a raw.jsonl whose rows have an id. Every command runs once per round, one after the other, so
that a busy machine hurts all of them alike; the table shows the round with the least processor time, and ratios are the
medians of the ratios within a round. Processor time, not the wall, is what can be compared on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from processes import CommandError, Cost, measure

PEERS = Path(__file__).parent / "peers"
ALL_STAGES = "all"


@dataclass
class Subject:
    """A command to measure, and what was measured."""

    name: str
    command: list[str]
    out: Path
    threads: int | None = None
    peer: bool = False
    costs: list[Cost | None] = field(default_factory=list)
    """One per round; None where the command failed."""
    report: dict[str, Any] = field(default_factory=dict)
    """report.json of the cheapest round."""
    judged: dict[str, Any] = field(default_factory=dict)
    failure: str = ""

    def best(self) -> Cost | None:
        """The cheapest round."""
        return min(filter(None, self.costs), key=lambda cost: cost.cpu_seconds, default=None)

    def run(self) -> None:
        """Measure one more round; after a failure none."""
        if self.failure:
            return
        _remove(self.out)
        try:
            cost = measure(self.command)
        except (CommandError, OSError) as error:
            self.failure = str(error)
            self.costs.append(None)
            return
        self.costs.append(cost)
        report = self.out / "report.json"
        if cost is self.best() and report.is_file():
            self.report = json.loads(report.read_text(encoding="utf-8"))


def main() -> int:
    """Run what the command line asks for."""
    options = _options()
    failed = False
    for corpus in options.corpus:
        raw = corpus / "raw.jsonl"
        size = raw.stat().st_size
        # Counting also brings the file into memory, for all commands alike.
        with raw.open("rb") as file:
            rows = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
        with tempfile.TemporaryDirectory(dir=options.work, prefix="belle-bench-") as work:
            subjects = _subjects(options, raw, Path(work))
            for number in range(options.repeat):
                for subject in subjects:
                    _say(f"{corpus.name} {number + 1}/{options.repeat}: {subject.name}")
                    subject.run()
                    if number == 0 and options.check and not subject.failure:
                        subject.judged = _judge(options.check, corpus, subject)
        _print_tables(corpus, rows, size, subjects)
        failed |= any(subject.failure for subject in subjects)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--corpus", type=Path, action="append", required=True, help="a folder with raw.jsonl; may be repeated"
    )
    parser.add_argument(
        "--stages", action="append", default=[], metavar="A,B", help="stages of a run, or `all`; may be repeated"
    )
    parser.add_argument("--parse-write", action="store_true", help="also reading and writing alone: no stage")
    parser.add_argument("--threads", default="1", help="numbers of threads, with commas")
    parser.add_argument("--instruction-sets", default="auto", help="auto, avx512, avx2, baseline, with commas")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="a setting of every run of belle",
    )
    parser.add_argument("--peers", default="", help="names of scripts in peers/, with commas: rensa, datasketch, daft")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has belle_data")
    parser.add_argument("--peer-python", default=sys.executable, help="the interpreter that has the peers' packages")
    parser.add_argument("--repeat", type=int, default=1, help="rounds")
    parser.add_argument("--check", type=Path, help="check_removal.py, which judges what each command removed")
    parser.add_argument("--work", type=Path, help="where the runs may write; a folder for temporary files without it")
    options = parser.parse_args()
    if not options.stages and not options.parse_write:
        options.stages = [ALL_STAGES]
    return options


def _subjects(options: argparse.Namespace, raw: Path, work: Path) -> list[Subject]:
    subjects = []
    for stages in [*options.stages, *([""] if options.parse_write else [])]:
        for instruction_set in options.instruction_sets.split(","):
            for threads in map(int, options.threads.split(",")):
                name = {"": "parse and write", ALL_STAGES: "clean"}.get(stages, stages)
                if instruction_set != "auto":
                    name += f", {instruction_set}"
                out = work / f"belle-{len(subjects)}"
                command = [options.python, "-m", "belle_data", "clean", str(raw), "--out", str(out), "--quiet"]
                command += ["--threads", str(threads), "--instruction-set", instruction_set]
                command += [] if stages == ALL_STAGES else ["--stages", stages]
                command += [word for setting in options.settings for word in ("--set", setting)]
                subjects.append(Subject(name, command, out, threads))
    for peer in filter(None, options.peers.split(",")):
        out = work / f"{peer}.ids"
        command = [options.peer_python, str(PEERS / f"{peer}_dedup.py"), str(raw), str(out)]
        subjects.append(Subject(peer, command, out, peer=True))
    return subjects


def _judge(check: Path, corpus: Path, subject: Subject) -> dict[str, Any]:
    """What the judge says of the rows that a command kept; empty where it only read and wrote."""
    command = [sys.executable, str(check), "--corpus", str(corpus)]
    if subject.peer:
        kept = subject.out.with_suffix(".jsonl")
        ids = subject.out.read_text(encoding="utf-8").split()
        kept.write_text("".join(f"{json.dumps({'id': one})}\n" for one in ids), encoding="utf-8")
        command += ["--kept", str(kept)]
    elif subject.report.get("stages"):
        command += ["--kept", str(subject.out / "shards" / "*"), "--ledger", str(subject.out / "rows.parquet")]
    else:
        return {}
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        _say(f"the judge failed: {done.stderr.strip()[-400:]}")
        return {}
    judged: dict[str, Any] = json.loads(done.stdout)
    return judged


def _print_tables(corpus: Path, rows: int, size: int, subjects: list[Subject]) -> None:
    print(f"### {corpus.name}: {rows:,} rows, {size / 1e6:,.0f} MB\n")
    print(f"{_processor()}, {platform.system()} {platform.machine()}, Python {platform.python_version()}\n")
    _print_table(_cost_table(rows, size, subjects))
    parts = _part_table(size, subjects)
    if len(parts) > 1:
        print("Processor seconds of each part, and by the wall in brackets:\n")
        _print_table(parts)
    for subject in subjects:
        if subject.failure:
            print(f"{subject.name} failed: {subject.failure}\n")


def _cost_table(rows: int, size: int, subjects: list[Subject]) -> list[list[str]]:
    peers = [subject for subject in subjects if subject.peer and not subject.failure]
    judged = any(subject.judged for subject in subjects)
    head = [
        "what",
        "threads",
        "wall s",
        "CPU s",
        "rows per CPU s",
        "MB per CPU s",
        "peak MiB",
        "private MiB",
        "wall, 1 thread ÷ this",
    ]
    head += [f"CPU, {peer.name} ÷ this" for peer in peers]
    head += ["kept", "recall", "leftover", "false removals", "lost", "wrong evidence"] if judged else []
    table = [head]
    for subject in subjects:
        best = subject.best()
        if best is None:
            continue
        single = next((one for one in subjects if one.name == subject.name and one.threads == 1), None)
        line = [subject.name, str(subject.threads or ""), f"{best.seconds:.2f}", f"{best.cpu_seconds:.2f}"]
        line += [
            f"{rows / best.cpu_seconds:,.0f}",
            f"{size / 1e6 / best.cpu_seconds:,.0f}",
            f"{best.peak_rss / 2**20:,.0f}",
        ]
        line += ["" if best.peak_private is None else f"{best.peak_private / 2**20:,.0f}"]
        line += [_ratio(single, subject, "seconds") if single and single is not subject else ""]
        line += [_ratio(peer, subject, "cpu_seconds") if peer is not subject else "" for peer in peers]
        if judged:
            names = ("kept", "recall", "leftover", "false_removal", "lost", "wrong_evidence")
            line += [str(subject.judged.get(name, "")) for name in names]
        table.append(line)
    return table


def _ratio(above: Subject, below: Subject, what: str) -> str:
    """The median over the rounds of the ratio within a round."""
    rounds = zip(above.costs, below.costs, strict=False)
    ratios = [getattr(one, what) / getattr(other, what) for one, other in rounds if one and other]
    return f"{statistics.median(ratios):.2f}" if ratios else ""


def _part_table(size: int, subjects: list[Subject]) -> list[list[str]]:
    """What each run of belle says of its parts; what is missing is the start of Python and its end."""
    stages = list(dict.fromkeys(stage["name"] for subject in subjects for stage in subject.report.get("stages", [])))
    table = [
        ["what", "threads", "read and scan", *stages, "write", "rest", "read and write, MB per CPU s", "rows removed"]
    ]
    for subject in subjects:
        report, best = subject.report, subject.best()
        if not report or best is None:
            continue
        by_name = {stage["name"]: stage for stage in report["stages"]}
        parts = [report["read"], *(by_name.get(name) for name in stages), report["write"]]
        spent = sum(part["cpu_seconds"] for part in parts if part)
        shown = [f"{part['cpu_seconds']:.2f} ({part['seconds']:.2f})" if part else "" for part in parts]
        both = report["read"]["cpu_seconds"] + report["write"]["cpu_seconds"]
        rate = f"{size / 1e6 / both:,.0f}" if not stages or not by_name else ""
        removed = f"{report['rows_in'] - report['rows_out']:,}"
        table.append([subject.name, str(subject.threads), *shown, f"{best.cpu_seconds - spent:.2f}", rate, removed])
    return table


def _print_table(table: list[list[str]]) -> None:
    print(f"| {' | '.join(table[0])} |")
    print(f"|{'|'.join(['---'] + ['---:'] * (len(table[0]) - 1))}|")
    for line in table[1:]:
        print(f"| {' | '.join(line)} |")
    print(flush=True)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
