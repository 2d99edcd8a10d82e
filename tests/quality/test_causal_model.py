"""Scores by a causal language model, beside one forward pass for each text; a small model with random weights."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch", reason="needs torch, which cleaning does without")
transformers = pytest.importorskip("transformers", reason="needs transformers, which cleaning does without")

from belle_data.cli import main  # noqa: E402
from belle_data.errors import SourceError, UsageError  # noqa: E402
from belle_data.quality.causal_model import CausalModel, sums_of  # noqa: E402

CHARACTERS = "春夏秋冬风花雪月山水云雨江河湖海天地日月星辰东西南北金木水火土人口手足耳目。，？\n "
PROMPTS = ["春天的花", "", "山水云雨江河湖海", "天地", "日月星辰" * 30, "人口"]
ANSWERS = ["风花雪月。", "东西南北", "", "金木水火土" * 40, "手足", "人"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers and its tokenizer, a token for each character, as save_pretrained writes them."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    path = tmp_path_factory.mktemp("model")
    tokens = ["<unk>", "<s>", "</s>", *sorted(set(CHARACTERS))]
    plain = Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(path)
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=len(tokens), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=256, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    # Weights this large make probabilities that differ from token to token.
    config.initializer_range = 0.5
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    return path


def loaded(folder: Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def slow_sum(model: Any, ids: list[int], first: int) -> tuple[float, int]:
    """The log-probability of the tokens from `first` on, alone in a batch."""
    if len(ids) < 2:
        return 0.0, 0
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids])).logits[0].double()
    values = torch.log_softmax(logits, dim=-1)
    wanted = range(max(first, 1), len(ids))
    return float(sum(values[place - 1, ids[place]] for place in wanted)), len(wanted)


def test_batches_give_what_single_texts_give(folder: Path) -> None:
    model, tokenizer = loaded(folder)
    sums, cut = sums_of(model, tokenizer, PROMPTS, ANSWERS)
    assert cut == 0
    for row, (prompt, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
        asked = tokenizer(f"{prompt}\n" if prompt else "", add_special_tokens=False)["input_ids"]
        said = tokenizer(answer, add_special_tokens=False)["input_ids"]
        assert len(asked) == len(prompt) + bool(prompt)
        border = 1 + len(asked)
        expected = [
            *slow_sum(model, [1, *asked], 1),
            *slow_sum(model, [1, *asked, *said], border),
            *slow_sum(model, [1, *said], 1),
        ]
        assert np.allclose(sums[row], expected, rtol=1e-5, atol=1e-4), (prompt, answer)


def test_what_is_too_long_is_cut(folder: Path) -> None:
    model, tokenizer = loaded(folder)
    sums, cut = sums_of(model, tokenizer, ["春" * 200], ["花" * 200])
    assert cut == 1
    assert sums[0, 1] + sums[0, 3] == 255
    assert sums[0, 5] == 200


def test_a_stage_by_it(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw, out = tmp_path / "raw.jsonl", tmp_path / "run"
    with raw.open("w", encoding="utf-8") as lines:
        for number in range(60):
            row = {"id": str(number), "instruction": f"春天的花{number % 7}", "output": "风花雪月山水云雨"}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    settings = ("--stages", "quality", "--set", f"quality.model=hf:{folder}", "--set", "quality.least_rows=5")
    clean = ["clean", str(raw), "--out", str(out), *settings, "--set", "quality.most_difficulty=0.2"]
    assert main(clean) == 0
    assert "quality: answer_does_not_belong" in capsys.readouterr().out
    assert main(["explain", str(out), "3"]) == 0
    assert "difficulty " in capsys.readouterr().out
    again = tmp_path / "again"
    assert main(["rethreshold", str(out), "--set", "quality.most_difficulty=off", "--out", str(again)]) == 0
    told = [json.loads((run / "report.json").read_text())["stages"][0]["removed"] for run in (out, again)]
    assert told[0]["answer_does_not_belong"] > 50
    assert told[1]["answer_does_not_belong"] == 0


def test_what_is_no_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no language model"):
        CausalModel(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SourceError, match="cannot load"):
        CausalModel(str(tmp_path))._load()
    assert CausalModel(str(folder)).fingerprint.startswith("hf ")
