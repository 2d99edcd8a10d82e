"""What judges of two answers write, and what is read of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_train.judge.replies import REASONS, Missing
from belle_train.judge.reply_text import LONGEST_REPLY
from belle_train.judge.verdict_reply import pair_scores_of, verdict_of

VERDICTS = [
    ("[[A]]", "first"), ("[[B]]", "second"), ("[[C]]", "tie"), ("A", "first"), ("B", "second"), ("C", "tie"),
    ("1", "first"), ("2", "second"), ("tie", "tie"), ("平局", "tie"), ("回答一", "first"), ("回答二", "second"),
    ("Answer 1", "first"), ("Answer 2.", "second"), ("**回答二**", "second"), ("更好的是：回答一", "first"),
    ("更好的是回答二。", "second"), ("结论：平局", "tie"), ("结论：回答１", "first"), ("胜者：B", "second"),
    ("回答一更好。", "first"), ("综合来看，回答二更好，因为它更完整。", "second"),
    ("两个回答都正确，判为平局。", "tie"), ("Answer 1 is better because it is right.", "first"),
    ("I prefer Answer 2.", "second"), ("Winner: Answer 2", "second"), ("Final verdict: [[A]]", "first"),
    ("Verdict: tie", "tie"), ("It's a tie.", "tie"), ("The better answer is Answer 1.", "first"),
    ("Assistant B is better. [[B]]", "second"), ('{"verdict": "1"}', "first"),
    ('{"reason": "回答二更详细", "verdict": "1"}', "first"), ('{"verdict": 2}', "second"),
    ('{"verdict": "tie"}', "tie"), ('```json\n{"reason": "x", "verdict": "2"}\n```', "second"),
    ('{"winner": "Answer 1"}', "first"), ('{"结论": "平局"}', "tie"), ('{"verdict": "回答二"}', "second"),
    ("{'verdict': '1'}", "first"), ('如下：{"verdict": "2"}', "second"),
    ("回答一写道“回答一更好”。结论：回答二", "second"),
    ("回答一在细节上更准确，但回答二更好地回答了问题。\n结论：回答二", "second"),
    ("> 回答一更好\n\n回答二更好", "second"), ("理由：回答一有错。\n\nB", "second"),
    ("<think>回答一更好？</think>回答二更好", "second"), ("回答一比回答二更好。", "first"),
    ("回答二优于回答一", "second"), ("回答一不如回答二。", "second"), ("回答一明显优于回答二，判回答一胜出", "first"),
    ("Answer 1 is better than Answer 2.", "first"), ("我选择回答二", "second"),
    ("如果不考虑语言，回答一更好。最终判断：回答二", "second"), ("回答一声称回答一更好。\n结论：回答二", "second"),
    ("回答一获胜", "first"),
]  # fmt: skip
NO_VERDICTS = [
    ("", "empty_reply"), ("　", "empty_reply"), ("两个回答各有千秋。", "no_score"), ("回答一更准确。", "no_score"),
    ("[[A]] 表示回答一更好，[[B]] 表示回答二更好", "no_score"), ("[[A]] if assistant A is better", "no_score"),
    ("回答一更好。不过回答二更好。", "several_scores"), ("[[A]] [[B]]", "several_scores"),
    ('{"verdict": "1", "winner": "2"}', "several_scores"), ('{"verdict": "1"}\n结论：回答二', "several_scores"),
    ("A\n结论：B", "several_scores"), ('{"verdict": "3"}', "no_score"), ('{"verdict": null}', "no_score"),
    ('{"reason": "回答一更好"}', "no_score"), ("结论：A或B", "no_score"), ("结论：回答一或回答二", "no_score"),
    ("如果回答一完整，那么回答一更好", "no_score"), ("回答一不是更好", "no_score"), ("3", "no_score"),
    ("无法判断", "no_score"), ("N/A", "no_score"), ("回答中写道“[[A]]”", "no_score"), ("> [[A]]", "no_score"),
    ("Answer 1 is better organized", "no_score"), ("回答一更好地说明了原因", "no_score"),
    ("请比较以上两个回答，一样好就判平局", "no_score"), ("回答10更好", "no_score"),
    ("Answer 1 asks for the verdict A", "no_score"), ("A.I. 很重要", "no_score"),
]  # fmt: skip
PAIRS = [
    ("8 6", (8, 6)), ("8, 6", (8, 6)), ("8，6", (8, 6)), ("8.5 6", (8.5, 6)), ("8/10 6/10", (8, 6)),
    ("8/10, 6/10", (8, 6)), ("8分 6分", (8, 6)), ("8 6\n回答一更完整。", (8, 6)), ("回答一更完整。\n8 6", (8, 6)),
    ("**8 6**", (8, 6)), ("回答一：8分，回答二：6分", (8, 6)), ("回答一：8\n回答二：6", (8, 6)),
    ("回答一得分：8，回答二得分：6.5", (8, 6.5)), ("回答１：８分；回答２：６分", (8, 6)),
    ("Answer 1: 8/10\nAnswer 2: 6/10", (8, 6)), ("Assistant 1's score: 8. Assistant 2's score: 6.", (8, 6)),
    ("回答二：6分，回答一：8分", (8, 6)), ("| 回答一 | 8 |\n| 回答二 | 6 |", (8, 6)),
    ('{"score_1": 8, "score_2": 6}', (8, 6)), ('{"reason": "回答一：9分", "score_1": 8, "score_2": 6}', (8, 6)),
    ('{"回答一": 8, "回答二": 6}', (8, 6)), ('{"score_1": "8/10", "score_2": "6分"}', (8, 6)),
    ('```json\n{"score_1": 10, "score_2": 1}\n```', (10, 1)), ("{'score_1': 8, 'score_2': 6}", (8, 6)),
    ("10 10", (10, 10)), ("8 6\n\n回答一：8分，回答二：6分", (8, 6)), ("Score 1: 8, Score 2: 6", (8, 6)),
    ("回答一写道“回答一：10分”。\n回答一：3分\n回答二：6分", (3, 6)),
    ("回答一的得分为8分，回答二的得分为6分。", (8, 6)),
]  # fmt: skip
NO_PAIRS = [
    ("", "empty_reply"), ("8", "no_score"), ("回答一：8分", "no_score"), ("11 6", "out_of_range"),
    ("0 6", "out_of_range"), ("8 6\n9 6", "several_scores"),
    ("回答一：8分，回答二：6分\n回答一：9分", "several_scores"), ("8-6", "no_score"), ("8 6 7", "no_score"),
    ('{"score_1": 8}', "no_score"), ('{"score_1": 8, "score_2": null}', "no_score"),
    ('{"score_1": 8, "score_2": 60}', "out_of_range"), ('{"score_1": 8, "score_1": 9, "score_2": 6}', "several_scores"),
    ("回答一：1. 准确\n回答二：1. 完整", "no_score"), ("回答一：3个要点，回答二：2个要点", "no_score"),
    ("两个回答都是1到10分", "no_score"), ("回答一：1-10，回答二：1-10", "no_score"),
    ("回答一：-8，回答二：6", "out_of_range"), ("无法评分", "no_score"),
    ('8 6\n{"score_1": 1, "score_2": 10}', "several_scores"), ("> 8 6", "no_score"),
    ("回答一很好，回答二一般", "no_score"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "verdict"), VERDICTS)
def test_verdicts_are_read(text: str, verdict: str) -> None:
    assert verdict_of(text) == verdict


@pytest.mark.parametrize(("text", "reason"), NO_VERDICTS)
def test_what_is_no_verdict_is_refused(text: str, reason: str) -> None:
    found = verdict_of(text)
    assert isinstance(found, Missing), found
    assert found.reason == reason, found


@pytest.mark.parametrize(("text", "scores"), PAIRS)
def test_two_scores_are_read(text: str, scores: tuple[float, float]) -> None:
    assert pair_scores_of(text) == scores


@pytest.mark.parametrize(("text", "reason"), NO_PAIRS)
def test_what_is_not_two_scores_is_refused(text: str, reason: str) -> None:
    found = pair_scores_of(text)
    assert isinstance(found, Missing), found
    assert found.reason == reason, found


@pytest.mark.parametrize("text", ["[[A]]", "8 6", ""])
def test_a_reply_that_was_cut_says_nothing(text: str) -> None:
    assert verdict_of(text, finish="length") == Missing("truncated_reply")
    assert pair_scores_of(text, finish="length") == Missing("truncated_reply")


SIGNS = st.sampled_from([
    "[[", "]]", "A", "B", "C", "1", "2", "8", "10", "回答一", "回答二", "更好", "平局", "结论：", "：", "/", "分",
    "{", "}", '"', "verdict", "score_1", "比", "优于", "\ud800",
])  # fmt: skip


@settings(max_examples=800, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.one_of(SIGNS, st.just("\n")), max_size=20).map("".join)))
def test_no_text_raises(text: str) -> None:
    verdict = verdict_of(text, quoted=(text[:20],))
    assert verdict in {"first", "second", "tie"} or (isinstance(verdict, Missing) and verdict.reason in REASONS)
    pair = pair_scores_of(text, quoted=(text[:20],))
    if isinstance(pair, Missing):
        assert pair.reason in REASONS
    else:
        assert all(1 <= one <= 10 for one in pair)


@settings(max_examples=300, deadline=None)
@given(st.integers(10, 100), st.integers(10, 100))
def test_every_pair_is_read_exactly(first: int, second: int) -> None:
    one, two = first / 10, second / 10
    for shape in ("{0} {1}", "{0}/10, {1}/10", "回答一：{0}分\n回答二：{1}分", '{{"score_1": {0}, "score_2": {1}}}'):
        assert pair_scores_of(shape.format(one, two)) == (one, two)
        assert isinstance(pair_scores_of(f"{shape.format(one, two)}\n回答一：{one + 0.05:.2f}分"), Missing)


@pytest.mark.parametrize(
    "seed", ["回答一", "回答一比", "[[A]]", "[", "更好", "结论：", "1 ", '"', "{", "answer 1 is better. "]
)
def test_long_replies_come_to_an_end(seed: str) -> None:
    text = seed * (200_000 // len(seed))
    assert isinstance(pair_scores_of(text), Missing)
    assert verdict_of(text) == "first" or isinstance(verdict_of(text), Missing)
    assert isinstance(verdict_of("x" * (LONGEST_REPLY + 1)), Missing)
