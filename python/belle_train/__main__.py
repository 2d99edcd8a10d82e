"""``python -m belle_train``: says which commands are coming, as none of them is there yet."""

import sys
from collections.abc import Sequence

COMING = {
    "extend": "add the rows of a Chinese vocabulary to a model's embeddings",
    "pretrain": "train the new embeddings on plain text",
    "sft": "fine-tune on the shards of a cleaned run",
    "generate": "answer an evaluation set with a trained model",
    "judge": "score the answers and write the tables",
}

USAGE = "usage: python -m belle_train [--help]"


def help_text() -> str:
    """Return the whole text of ``--help``, without a newline at its end."""
    commands = "\n".join(f"  {name:<10} {purpose}" for name, purpose in COMING.items())
    return (
        f"{USAGE}\n\n"
        "Trains and judges Chinese instruction models on data that belle_data cleaned.\n"
        f"No command works in this version. These are coming:\n\n{commands}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the help and return 0, or return 2 for any use but ``--help`` and none.

    ``arguments`` are those of the command line without the program's name; None takes them from ``sys.argv``.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given in (["--help"], ["-h"]):
        print(help_text())
        return 0
    if given[0] in COMING:
        print(f"error: belle_train {given[0]}: this command is not there yet", file=sys.stderr)
        print("hint: clean data now with: python -m belle_data clean raw.jsonl", file=sys.stderr)
    else:
        print(f"error: belle_train: unknown argument {given[0]!r}", file=sys.stderr)
        print("hint: python -m belle_train --help lists what is coming", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
