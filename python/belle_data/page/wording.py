"""What stages, reasons and changes are called on the page, in both languages; tests see to it that none is missing."""

from __future__ import annotations

from belle_data.page.bilingual import Both

STAGES = {
    "normalise": Both("Normalise", "归一化"),
    "rules": Both("Rules", "规则"),
    "exact_dedup": Both("Exact duplicates", "完全重复"),
    "near_dedup": Both("Near duplicates", "近似重复"),
    "semantic_dedup": Both("Semantic duplicates", "语义重复"),
    "decontaminate": Both("Evaluation texts", "评测集去污染"),
    "quality": Both("Quality", "质量"),
    "diversity": Both("Diversity", "多样性"),
}
REASONS = {
    "empty_answer": Both("the answer is empty", "回答为空"),
    "mojibake": Both("broken encoding", "乱码"),
    "short_prompt": Both("the prompt is empty or too short", "指令为空或过短"),
    "long_prompt": Both("the prompt is too long", "指令过长"),
    "short_answer": Both("the answer is too short", "回答过短"),
    "long_answer": Both("the answer is too long", "回答过长"),
    "answer_is_instruction": Both("the answer repeats the instruction", "回答照抄指令"),
    "repetition": Both("the text repeats itself", "内容自我重复"),
    "speaks_as_ai": Both("the model speaks of itself as an AI", "以人工智能自称"),
    "refusal": Both("the model refuses", "拒绝回答"),
    "other_language": Both("the answer is in another language", "回答语言不符"),
    "placeholder": Both("a gap was left unfilled", "留有未填的空缺"),
    "link_or_media": Both("links, or pictures that are not there", "含链接或缺失的媒体"),
    "same_text": Both("the same text as a kept row", "与保留行文字相同"),
    "near_duplicate": Both("nearly the same text as a kept row", "与保留行近乎相同"),
    "semantic_duplicate": Both("asks the same as a kept row", "与保留行意思相同"),
    "shared_ngrams": Both("holds passages of an evaluation row", "含评测集片段"),
    "near_evaluation_row": Both("nearly an evaluation row", "与评测集近乎相同"),
    "high_perplexity": Both("improbable text for its kind", "困惑度过高"),
    "low_perplexity": Both("text more probable than its kind", "困惑度过低"),
    "answer_does_not_belong": Both("the answer does not belong to the prompt", "答非所问"),
    "not_chosen": Both("not among the chosen rows", "未被选中"),
    "words_seen_often": Both("its words were seen often enough", "用词已足够多见"),
}
CHANGES = {
    "composition": Both("characters composed", "字符合成"),
    "compatibility": Both("compatibility characters", "兼容字符"),
    "width": Both("width of characters", "全角半角"),
    "simplified": Both("Traditional to Simplified", "繁体转简体"),
    "control_characters": Both("control characters taken out", "去除控制字符"),
    "trailing_blanks": Both("blanks at the end taken off", "去除行尾空白"),
}
MEASURES = (
    ("entropy", Both("entropy, bits (higher: more varied)", "熵，比特（越高越多样）")),
    ("top_100_share", Both("share of the 100 most frequent words", "前 100 词占比")),
    ("distinct_words", Both("distinct words", "不同词数")),
    ("distinct_2", Both("distinct-2", "distinct-2（不同词对占比）")),
    ("zipf_slope", Both("Zipf slope", "齐夫斜率")),
    ("kinds", Both("kinds of task (first words of prompts)", "任务类型数（指令首个实词）")),
    ("top_10_kinds_share", Both("share of the 10 most frequent kinds", "前 10 类任务占比")),
)
LANGUAGE_NAMES = {
    "zh": Both("Chinese", "中文"),
    "ja": Both("Japanese", "日文"),
    "ko": Both("Korean", "韩文"),
    "en": Both("Latin letters, mostly English", "拉丁字母（多为英文）"),
    "other": Both("other letters", "其他文字"),
    "none": Both("no letters", "无文字"),
}


def reason_text(reason: str) -> Both:
    """A reason or kind of change in words; its own name where it is a new one."""
    return REASONS.get(reason) or CHANGES.get(reason) or Both(reason, reason)


def stage_text(stage: str) -> Both:
    """A stage in words."""
    return STAGES.get(stage) or Both(stage, stage)
