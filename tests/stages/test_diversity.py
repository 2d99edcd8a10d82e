"""diversity: as many rows as wanted, whose words are spread evenly."""

from __future__ import annotations

import pyarrow as pa

from belle_data.kernels import run_stage
from belle_data.stages.diversity import Diversity, DiversityConfig

TURNS = pa.list_(pa.struct([("role", pa.string()), ("text", pa.string())]))


def conversations(texts: list[tuple[str, str]]) -> pa.RecordBatch:
    turns = [[{"role": "user", "text": asked}, {"role": "assistant", "text": answer}] for asked, answer in texts]
    return pa.record_batch({"turns": pa.array(turns, TURNS)})


def test_a_topic_does_not_flood_the_choice() -> None:
    """Of a hundred rows about the spring and one each about others, the others stay."""
    texts = [(f"写一首关于春天的诗，编号{number}", "春天的花开了") for number in range(100)]
    others = [("介绍巴黎的历史", "巴黎是法国首都"), ("如何煮饭", "大米加水"), ("解释黑洞", "引力极强的天体")]
    stage = Diversity(DiversityConfig(target_rows=5))
    gone = set(run_stage(stage, conversations(texts + others))["row"].to_pylist())
    assert len(gone) == 98
    assert not gone & {100, 101, 102}
    assert stage.notes()
