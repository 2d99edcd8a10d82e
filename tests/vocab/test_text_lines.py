"""Lines of any bytes, cut in blocks, against a slow reading of the whole file."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle_data.config import Recipe
from belle_data.engine.progress import Silent
from belle_data.errors import SourceError
from belle_data.vocab import text_blocks
from belle_data.vocab.distribution import Distribution
from belle_data.vocab.drawing import Draw
from belle_data.vocab.text_lines import TextLines

PIECES = st.sampled_from(
    [
        b"\n",
        b"\r",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"a",
        "汉".encode(),
        "𠮷".encode(),
        b"\xff",
        b"\xe6\xb1",
        b" ",
        b"longer text",
    ]
)


def slow(data: bytes, longest: int) -> tuple[list[str], list[tuple[int, int, str]]]:
    """The lines of a file and the places of those that are none."""
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    good, bad, number = [], [], 0
    while at < len(data):
        number += 1
        end = data.find(b"\n", at)
        line = data[at:] if end < 0 else data[at:end]
        shown = line[:-1] if end >= 0 and line.endswith(b"\r") else line
        try:
            text = shown.decode()
        except UnicodeDecodeError as error:
            bad.append((number, at + error.start, "invalid_utf8"))
        else:
            if len(shown) > longest:
                bad.append((number, at, "line_too_long"))
            else:
                good.append(text)
        at += len(line) + 1
    return good, bad


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(PIECES, max_size=60),
    block=st.sampled_from([1, 2, 7, 64, 1 << 20]),
    longest=st.sampled_from([3, 11, 1 << 20]),
    threads=st.sampled_from([1, 3]),
)
def test_lines_are_those_of_the_whole_file(parts: list[bytes], block: int, longest: int, threads: int) -> None:
    data = b"".join(parts)
    good, bad = slow(data, longest)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_blocks, "BLOCK_BYTES", block)
        patch.setattr("belle_data.sources.decode.CHUNK_BYTES", 5)
        path = Path(folder, "a.txt")
        path.write_bytes(data)
        limits = Recipe().input.model_copy(update={"max_line_bytes": longest, "max_bad_lines": 1000})
        reader = TextLines([str(path)], limits, threads)
        found, characters, sizes = [], 0, []
        try:
            for batch in reader.batches(Silent(), "read"):
                found += batch.texts.to_pylist()
                characters += batch.characters
                sizes += batch.sizes.tolist()
        except SourceError:
            assert good == []
        assert found == good
        assert characters == sum(map(len, good))
        assert sizes == [len(line.encode()) for line in good]
        assert (reader.lines, reader.bad) == (len(good), len(bad))
        # Where a whole line is not kept, what is wrong within it is not looked for.
        named = [(one.line, one.byte, one.reason) for one in reader.bad_lines]
        for one, wanted in zip(named, bad, strict=False):
            assert one == wanted or (one[0] == wanted[0] and one[2] == "line_too_long" and one[1] <= wanted[1])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_draws_are_even_and_the_same_in_parts(data: st.DataObject) -> None:
    of = data.draw(st.integers(1, 5000))
    draw = Draw(of, data.draw(st.integers(0, of)), data.draw(st.integers(0, 2**63 - 1)), data.draw(st.integers(0, 3)))
    whole = draw.between(0, of).tolist()
    assert len(set(whole)) == len(whole) == draw.count
    assert whole == sorted(whole)
    for part, number in enumerate(whole):
        assert part * of // draw.count <= number < (part + 1) * of // draw.count
    borders = sorted({0, of, *data.draw(st.lists(st.integers(0, of), max_size=6))})
    parts = [draw.between(low, high).tolist() for low, high in itertools.pairwise(borders)]
    assert [number for part in parts for number in part] == whole


def test_draws_stay_the_same() -> None:
    """Numbers that were drawn once are in models that people have."""
    assert Draw(1000, 5, 0, 1).between(0, 1000).tolist() == DRAWN
    assert Draw(1000, 5, 1, 1).between(0, 1000).tolist() != DRAWN
    assert Draw(1000, 5, 0, 2).between(0, 1000).tolist() != DRAWN


DRAWN = [112, 298, 498, 735, 834]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 200_000), max_size=20), max_size=5).filter(any),
    st.integers(1, 200_000),
)
def test_distributions_are_those_of_sorted_lengths(batches: list[list[int]], limit: int) -> None:
    import numpy as np

    distribution = Distribution()
    for batch in batches:
        distribution.add(np.array(batch, np.int64))
    lengths = sorted(length for batch in batches for length in batch)
    assert (distribution.units, distribution.least, distribution.most) == (len(lengths), lengths[0], lengths[-1])
    for percent in (0, 5, 50, 99, 100):
        assert distribution.percentile(percent) == lengths[(len(lengths) - 1) * percent // 100]
    over = [length - limit for length in lengths if length > limit]
    assert distribution.above(limit) == (len(over), sum(over))
    classes = distribution.classes()
    assert sum(count for _, _, count in classes) == len(lengths)
    for low, high, count in classes:
        assert count == sum(low <= length <= (high if high is not None else length) for length in lengths)
