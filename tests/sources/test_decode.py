"""gzip and zstd: bytes in are bytes out for any split in members and frames; every defect is found with its byte."""

import gzip
import io
import itertools
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import LINES, gzipped, zstandarded
from tests.sources.slow_array_splitter import SlowArraySplitter

from belle_data.errors import SourceError
from belle_data.sources import Compression, find_sources, materialise
from belle_data.sources.decode import CHUNK_BYTES, ZSTD_SLICE_BYTES, decoded

COMPRESSED = {"gzip": gzipped(LINES), "zstd": zstandarded(LINES)}
SKIPPABLE = b"\x5f\x2a\x4d\x18\x03\x00\x00\x00abc"


def decode_all(data: bytes, compression: Compression) -> bytes:
    return b"".join(decoded(io.BytesIO(data), compression, "x"))


@st.composite
def members(draw: st.DrawFn) -> list[bytes]:
    """Content cut into pieces, some empty, some longer than what is read at a time."""
    pieces = draw(st.lists(st.binary(max_size=300), max_size=6))
    repeats = draw(st.sampled_from([1, 1, 1, 2 * CHUNK_BYTES // 300]))
    return [piece * repeats for piece in pieces]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(members(), st.integers(0, 9), st.booleans())
def test_gzip_members(pieces: list[bytes], level: int, padded: bool) -> None:
    stored = b"".join(gzip.compress(piece, level) for piece in pieces) or gzip.compress(b"")
    assert decode_all(stored + bytes(700) * padded, "gzip") == b"".join(pieces)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(members(), st.integers(-5, 12), st.booleans(), st.booleans())
def test_zstd_frames(pieces: list[bytes], level: int, checksum: bool, skippable: bool) -> None:
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=checksum, write_content_size=not checksum)
    stored = b"".join(compressor.compress(piece) + SKIPPABLE * skippable for piece in pieces) or compressor.compress(
        b""
    )
    assert decode_all(stored, "zstd") == b"".join(pieces)


@given(
    st.lists(st.binary(max_size=100), min_size=1, max_size=4),
    st.integers(min_value=0),
    st.sampled_from(["gzip", "zstd"]),
)
def test_cut_anywhere(pieces: list[bytes], where: int, compression: Compression) -> None:
    """A cut gives whole members up to it, or an error at the cut; never fewer bytes in silence."""
    write = gzipped if compression == "gzip" else zstandarded
    stored = [write(piece) for piece in pieces]
    whole = list(itertools.accumulate(map(len, stored)))
    cut = where % whole[-1]
    data = b"".join(stored)[:cut]
    if cut in whole:
        assert decode_all(data, compression) == b"".join(pieces[: whole.index(cut) + 1])
        return
    with pytest.raises(SourceError) as caught:
        decode_all(data, compression)
    assert caught.value.byte == cut
    assert "breaks off" in caught.value.message or cut == 0


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.3, 0.7, 0.99, 0.9999])
def test_a_truncated_file(tmp_path: Path, compression: str, share: float) -> None:
    stored = COMPRESSED[compression]
    path = tmp_path / f"a.jsonl.{'gz' if compression == 'gzip' else 'zst'}"
    path.write_bytes(stored[: max(int(len(stored) * share), 4)])
    (source,) = find_sources([str(path)])
    with pytest.raises(SourceError) as caught:
        materialise(source, tmp_path / "spool", SlowArraySplitter)
    assert caught.value.byte == source.size
    assert str(caught.value) == f"{path} (byte {source.size}): the {compression} data breaks off"
    assert caught.value.hint == "copy or download the file again; its end is missing"
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.parametrize("garbage", [b"x", b"{}\n", b"\x1f\x8c", b"\x1f\x8c" * 9, b"\0\0\0junk", b"PAR1", LINES])
def test_garbage_after_gzip(garbage: bytes) -> None:
    with pytest.raises(SourceError, match="something else follows the end of the gzip data") as caught:
        decode_all(COMPRESSED["gzip"] + garbage, "gzip")
    assert caught.value.byte == len(COMPRESSED["gzip"]) + len(garbage) - len(garbage.lstrip(b"\0"))


@pytest.mark.parametrize("garbage", [b"x", b"xxxxx", b"{}\n{}\n", b"\0\0\0junk", b"\x28\xb5\x2f\xfe", LINES])
def test_garbage_after_zstd(garbage: bytes) -> None:
    with pytest.raises(SourceError, match="something else follows the end of the zstd data") as caught:
        decode_all(COMPRESSED["zstd"] + garbage, "zstd")
    assert caught.value.byte == len(COMPRESSED["zstd"])


def test_a_wrong_gzip_checksum_is_found_at_its_byte() -> None:
    stored = COMPRESSED["gzip"]
    damaged = stored[:-8] + bytes([stored[-8] ^ 1]) + stored[-7:]
    with pytest.raises(SourceError, match=r"damaged \(incorrect data check\)") as caught:
        decode_all(damaged + stored, "gzip")
    assert caught.value.byte is not None
    assert len(stored) - 8 <= caught.value.byte < len(stored)


@given(st.integers(min_value=0), st.integers(1, 255), st.sampled_from(["gzip", "zstd"]))
@settings(deadline=None)
def test_a_flipped_byte_is_found_or_harmless(where: int, mask: int, compression: Compression) -> None:
    """A changed byte is an error near it or after it, or else nothing depends on it; never other content in silence."""
    content = LINES[:20_000]
    compressor = zstandard.ZstdCompressor(write_checksum=True)
    stored = bytearray(gzipped(content) if compression == "gzip" else compressor.compress(content))
    where %= len(stored)
    stored[where] ^= mask
    found = None
    try:
        assert decode_all(bytes(stored), compression) == content
    except SourceError as error:
        found = error.byte
    assert found is None or where - ZSTD_SLICE_BYTES <= found <= len(stored)


def gzip_bomb(size: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(compressor.compress(bytes(1 << 20)) for _ in range(size >> 20)) + compressor.flush()


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_bombs(compression: Compression) -> None:
    bomb = gzip_bomb(272 << 20) if compression == "gzip" else zstandarded(bytes(400 << 20))
    produced: list[int] = []
    with pytest.raises(SourceError, match=r"more than 1,000 times is taken for a decompression bomb") as caught:
        produced.extend(len(piece) for piece in decoded(io.BytesIO(bomb), compression, "bomb.gz"))
    assert sum(produced) <= 384 << 20
    ratio = 10_000 if compression == "gzip" else 100_000
    assert caught.value.hint == f"if the file can be trusted, allow more, for example with --max-ratio {ratio}"


def test_high_but_honest_ratios_pass() -> None:
    text = (b'{"instruction":"' + b"\xe5\xa5\xbd" * 300 + b'","output":"%06d"}\n') % 7 * 80_000
    stored = zstandard.ZstdCompressor(level=1).compress(text)
    small = gzipped(bytes(10 << 20))
    if len(text) < 1_000 * len(stored):
        assert decode_all(stored, "zstd") == text
    assert decode_all(small, "gzip") == bytes(10 << 20)


def test_a_window_beyond_the_limit_has_its_own_hint() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=29, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    stored = compressor.compress(LINES) + compressor.flush()
    with pytest.raises(SourceError, match="zstd data is damaged") as caught:
        decode_all(stored, "zstd")
    assert "compress it again without --long" in (caught.value.hint or "")
