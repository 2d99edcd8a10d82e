"""The process in which sentencepiece trains: a program of its own, so that its memory is bounded and it can be ended.

    python -m belle_data.vocab.trainer_process SETTINGS

Lines come on standard input. A line of JSON goes to standard output, ``error`` or the bytes of ``peak``, and after it
the model. What the trainer logs goes to standard error.
"""

from __future__ import annotations

import io
import json
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from belle_data.vocab.training_memory import peak_memory

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> int:
    """Train as the first argument says: a JSON object with ``memory`` in bytes and the trainer's ``options``."""
    settings = json.loads(sys.argv[1])
    # Ctrl-C reaches this process too; the one that started it ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    _bound(settings["memory"])
    import sentencepiece  # noqa: PLC0415 - within the bound

    out = io.BytesIO()
    answer: dict[str, Any]
    try:
        sentencepiece.SentencePieceTrainer.Train(sentence_iterator=_lines(), model_writer=out, **settings["options"])
        answer = {"peak": peak_memory()}
    except MemoryError:
        answer = {"memory": True}
    except Exception as error:  # noqa: BLE001 - the library raises RuntimeError, and others by its version
        answer = {"memory": True} if "bad_alloc" in str(error) else {"error": str(error)}
    sys.stdout.buffer.write(json.dumps(answer).encode("ascii") + b"\n" + out.getvalue())
    sys.stdout.buffer.flush()
    return 0 if "peak" in answer else 1


def _lines() -> Iterator[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8").removesuffix("\n")


def _end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it ends, however that happens."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _bound(memory: int) -> None:
    """Let the system refuse more memory than was promised."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


if __name__ == "__main__":
    sys.exit(main())
