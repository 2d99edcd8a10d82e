"""What is learned of a conversation, and its loss: beside templates step by step and a cross-entropy by hand."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.train.conftest import Done, command
from tests.train.training_runs import rows_file

from belle_data.errors import SourceError
from belle_data.vocab.chat_template import CHAT_TEMPLATE
from belle_train.conversations import Encoded, check_prompt_is_a_prefix, encode, reason_against
from belle_train.packing import IGNORED, Collator, pack
from belle_train.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

Turns = list[dict[str, str]]
EXACT = 1e-6
"""Nats a piece by which two ways to compute a loss in single precision may differ."""


def turns_of(*texts: str) -> Turns:
    """A user and the assistant by turns."""
    return [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Turns]:
    """Conversations of one and two answers, as the other tests learn them, and longer ones."""
    lines = rows_file(tmp_path_factory.mktemp("rows") / "rows.jsonl", 18).read_text().splitlines()
    read: list[Turns] = [json.loads(line)["messages"] for line in lines]
    system = {"role": "system", "content": "Be brief. 请简短。"}
    return [*read, [system, *read[0], *read[1], *read[2]], [*read[3], {"role": "user", "content": "还有吗？"}]]


def step_by_step(tokenizer: Any, turns: Turns) -> tuple[list[int], list[bool]]:
    """Ids and what is learned: each answer is what comes to the ids of its prompt."""

    def ids_of(count: int, *, prompt: bool) -> list[int]:
        ids: list[int] = tokenizer.apply_chat_template(
            turns[:count], add_generation_prompt=prompt, tokenize=True, return_dict=False
        )
        return ids

    learned: list[bool] = []
    for place, turn in enumerate(turns):
        if turn["role"] == "assistant":
            asked, answered = ids_of(place, prompt=True), ids_of(place + 1, prompt=False)
            assert answered[: len(asked)] == asked
            learned += [False] * (len(asked) - len(learned)) + [True] * (len(answered) - len(asked))
    whole = ids_of(len(turns), prompt=False)
    return whole, learned + [False] * (len(whole) - len(learned))


TEXT = st.lists(
    st.sampled_from(
        ["我们", "问题", "the", " of", "  ", "\n", "\n\n", "Human: ", "Assistant:", "é", "🙂", "龘", "1", "。", ":"]
    )
    | st.characters(codec="utf-8", exclude_characters="<"),
    max_size=8,
).map("".join)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXT, min_size=2, max_size=7), st.none() | TEXT)
def test_what_is_learned_is_what_the_template_adds_to_each_prompt(
    tokenizer: Any, texts: list[str], system: str | None
) -> None:
    turns = ([] if system is None else [{"role": "system", "content": system}]) + turns_of(*texts)
    encoded = encode(tokenizer, [turns])[0]
    assert (encoded.ids, encoded.learned) == step_by_step(tokenizer, turns)
    assert not encoded.boundary


def test_each_answer_is_learned_with_its_end_and_nothing_else(tokenizer: Any, examples: list[Turns]) -> None:
    for turns, encoded in zip(examples, encode(tokenizer, examples), strict=True):
        answers = [turn["content"] for turn in turns if turn["role"] == "assistant"]
        pieces = [one for one, counts in zip(encoded.ids, encoded.learned, strict=True) if counts]
        assert pieces.count(tokenizer.eos_token_id) == len(answers)
        assert pieces[-1] == tokenizer.eos_token_id
        said = tokenizer.decode(pieces).split(tokenizer.eos_token)
        assert [one.strip() for one in said] == [*map(str.strip, answers), ""]
        assert tokenizer.bos_token_id not in pieces


def test_no_conversation_gives_none(tokenizer: Any) -> None:
    assert encode(tokenizer, []) == []


@pytest.mark.parametrize(
    ("template", "crosses"),
    [
        ("{{- 'Q: ' }}{% generation %}{{- 'the' + eos_token }}{% endgeneration %}", True),
        ("{{- 'Q:' }}{% generation %}{{- ' the' + eos_token }}{% endgeneration %}", False),
        ("{{- 'Q:' }}{% generation %}{{- ' th' }}{% endgeneration %}{{- 'e' }}", True),
        ("{{- 'Q:' }}{% generation %}{{- '🙂' }}{% endgeneration %}{{- ' the' }}", False),
    ],
)
def test_a_piece_across_an_end_of_an_answer_is_found(tiny_model: Path, template: str, crosses: bool) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = template
    assert encode(tokenizer, [turns_of("a", "b")])[0].boundary is crosses


def test_all_pieces_of_a_character_in_bytes_are_learned(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = "{{- 'Q:' }}{% generation %}{{- '🙂' }}{% endgeneration %}{{- '🙂' }}"
    encoded = encode(tokenizer, [turns_of("a", "b")])[0]
    assert encoded.learned[-8:] == [True] * 4 + [False] * 4
    assert not any(encoded.learned[:-8])


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([], "no_turns"),
        ([{"role": "text", "content": "文"}], "plain_text"),
        ([*turns_of("问", "答"), {"role": "tool", "content": "x"}], "other_role"),
        ([{"role": "user", "content": "问"}], "no_answer"),
        (turns_of("问</s>", "答"), "special_piece"),
        (turns_of("问", "答<unk>"), "special_piece"),
        (turns_of("问</ s>", "答<s"), None),
        (turns_of("问", "答", "问"), None),
    ],
)
def test_what_cannot_be_learned_has_a_reason(turns: Turns, reason: str | None) -> None:
    assert reason_against(turns, ["</s>", "<s>", "<unk>"]) == reason


def with_template(tiny_model: Path, folder: Path, template: str | None) -> Path:
    """The model with another chat template."""
    model = folder / "model"
    shutil.copytree(tiny_model, model)
    (model / "chat_template.jinja").unlink(missing_ok=True)
    settings_file = model / "tokenizer_config.json"
    values = json.loads(settings_file.read_bytes())
    values.pop("chat_template", None)
    if template is not None:
        values["chat_template"] = template
    settings_file.write_text(json.dumps(values), encoding="utf-8")
    return model


def sft(model: Path, folder: Path, *options: str | Path) -> Done:
    data = rows_file(folder / "rows.jsonl", 8)
    return command("sft", "--model", model, "--data", data, "--out", folder / "out", "--max-steps", "1", *options)


UNMARKED = CHAT_TEMPLATE.replace("{%- generation %}", "").replace("{%- endgeneration %}", "")
NO_END = CHAT_TEMPLATE.replace(" + eos_token }}{%- endgeneration %}", " }}{%- endgeneration %}{{- eos_token }}")
SPACE_IN_THE_PROMPT = CHAT_TEMPLATE.replace(
    "{%- if add_generation_prompt %}{{- 'Assistant:' }}", "{%- if add_generation_prompt %}{{- 'Assistant: ' }}"
)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        (None, "the tokenizer has no chat template"),
        (UNMARKED, "marks no answers with {% generation %}"),
        (NO_END, "leaves the end of an answer (EOS) outside of {% generation %}"),
        ("{% for", "the chat template cannot be used"),
        ("{{ raise_exception('never') }}", "the chat template cannot be used (never"),
        (SPACE_IN_THE_PROMPT, "a prompt has other ids by itself than before its answer"),
    ],
)
def test_a_template_that_cannot_be_learned_from_is_refused(
    template: str | None, told: str, tiny_model: Path, tmp_path: Path
) -> None:
    assert template is None or template != CHAT_TEMPLATE
    found = sft(with_template(tiny_model, tmp_path, template), tmp_path)
    assert found.code == 2
    assert told in found.err
    assert "hint: " in found.err
    assert "Traceback" not in found.err
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_the_prompts_of_the_own_template_are_prefixes(tokenizer: Any, examples: list[Turns]) -> None:
    encoded = encode(tokenizer, examples)
    check_prompt_is_a_prefix(tokenizer, examples, encoded)
    moved = [Encoded(one.ids, [*one.learned[1:], False]) for one in encoded]
    with pytest.raises(SourceError, match="other ids"):
        check_prompt_is_a_prefix(tokenizer, examples, moved)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    """The tiny model with the loss of answers, as sft trains it."""
    from transformers import AutoModelForCausalLM

    from belle_train.trainer import add_answer_loss

    loaded = AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="sdpa").eval()
    add_answer_loss(loaded)
    return loaded


@pytest.fixture(scope="module")
def encoded(tokenizer: Any, examples: list[Turns]) -> list[Encoded]:
    return encode(tokenizer, examples)


def by_hand(model: Any, one: Encoded) -> float:
    """The summed cross-entropy of what is learned of one conversation alone, in double precision from the logits on."""
    import torch

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([one.ids])).logits[0].double()
    total = 0.0
    for place in range(1, len(one.ids)):
        if one.learned[place]:
            scores = logits[place - 1]
            highest = scores.max()
            total -= (scores[one.ids[place]] - highest - torch.log(torch.exp(scores - highest).sum())).item()
    return total


def rows_of(encoded: list[Encoded], groups: list[list[int]]) -> list[dict[str, Any]]:
    return [
        {
            "input_ids": [piece for number in group for piece in encoded[number].ids],
            "labels": [
                piece if counts else IGNORED
                for number in group
                for piece, counts in zip(encoded[number].ids, encoded[number].learned, strict=True)
            ],
            "seq_lengths": [len(encoded[number].ids) for number in group],
        }
        for group in groups
    ]


FILLER = {"input_ids": [0], "labels": [IGNORED], "seq_lengths": [1]}


def answer_loss(model: Any, rows: list[dict[str, Any]], *, flat: bool = False) -> float:
    """The loss of a batch, as the trainer asks for it."""
    import torch

    with torch.no_grad():
        loss: float = model(**Collator(0, flat=flat)(rows), answer_loss=True, use_cache=False).item()
    return loss


def test_the_loss_is_that_by_hand(model: Any, encoded: list[Encoded]) -> None:
    for one in encoded:
        found = answer_loss(model, rows_of([one], [[0]]))
        assert found == pytest.approx(by_hand(model, one), abs=EXACT * sum(one.learned), rel=0)


@pytest.mark.parametrize("capacity", [96, 160, 320])
@pytest.mark.parametrize("flat", [False, True])
def test_the_packed_loss_is_that_of_each_conversation_alone(
    capacity: int, flat: bool, model: Any, encoded: list[Encoded]
) -> None:
    fitting = [one for one in encoded if len(one.ids) <= capacity]
    rows = rows_of(fitting, pack([len(one.ids) for one in fitting], capacity))
    assert any(len(row["seq_lengths"]) > 1 for row in rows)
    expected = sum(by_hand(model, one) for one in fitting)
    pieces = sum(sum(one.learned) for one in fitting)
    for batch in ([*rows], [FILLER, *rows, FILLER]):
        if flat and len(batch) > len(rows):
            continue
        assert answer_loss(model, batch, flat=flat) == pytest.approx(expected, abs=EXACT * pieces, rel=0)


def test_a_batch_of_fillers_has_no_loss_and_no_gradient(model: Any) -> None:
    import torch

    loss = model(**Collator(0)([FILLER, {**FILLER, "input_ids": [0, 0], "labels": [IGNORED] * 2, "seq_lengths": [2]}]),
                 answer_loss=True)  # fmt: skip
    assert loss.item() == 0
    loss.backward()
    assert all(one.grad is None or not torch.count_nonzero(one.grad) for one in model.parameters())
    model.zero_grad()


def test_the_gradient_of_a_packed_batch_is_that_of_its_conversations(model: Any, encoded: list[Encoded]) -> None:
    import torch

    def gradients(batches: list[list[dict[str, Any]]]) -> list[Any]:
        model.zero_grad()
        for batch in batches:
            model(**Collator(0)(batch), answer_loss=True, use_cache=False).backward()
        return [one.grad.clone() for one in model.parameters()]

    few = encoded[:6]
    packed = gradients([rows_of(few, [[0, 1, 2], [3, 4, 5]])])
    alone = gradients([rows_of([one], [[0]]) for one in few])
    model.zero_grad()
    for one, other in zip(packed, alone, strict=True):
        assert torch.allclose(one, other, atol=1e-4 * other.abs().max().item(), rtol=0)


def test_no_conversation_sees_the_one_before_it(model: Any, encoded: list[Encoded]) -> None:
    from belle_train.trainer import check_no_leak

    check_no_leak(model, encoded[0].ids, encoded[1].ids)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("leak", ["positions", "mask"])
def test_a_model_that_sees_the_conversation_before_is_refused(
    leak: str, attention: str, tiny_model: Path, encoded: list[Encoded]
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from belle_train.trainer import TrainingError, check_no_leak

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation=attention)
    check_no_leak(model, encoded[0].ids, encoded[1].ids)
    original = model.forward

    def forward(input_ids: Any, position_ids: Any, **named: Any) -> Any:
        length = input_ids.shape[1]
        if leak == "positions":
            return original(input_ids=input_ids, position_ids=torch.arange(length)[None], **named)
        mask = torch.full((length, length), torch.finfo(torch.float32).min).triu(1)[None, None]
        return original(input_ids=input_ids, position_ids=position_ids, attention_mask=mask, **named)

    model.forward = forward
    with pytest.raises(TrainingError, match="sees the one before it"):
        check_no_leak(model, encoded[0].ids, encoded[1].ids)
