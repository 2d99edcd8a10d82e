"""A corpus that is made in seconds: rows of random clauses, with something in it for every stage, and bad lines."""

import random
from pathlib import Path

CLAUSES = 4_000
HAN = [chr(point) for point in range(0x4E00, 0x9FA5)]
BAD_LINES = ('{"id": "broken", "instruction": "没有结尾', "[1, 2]", '{"question": "这里没有已知的字段"}')


def write_corpus(path: Path, rows: int, seed: int = 7) -> None:
    """Write `rows` rows and one bad line for every 2,000 of them.

    A twelfth are equal to others, a sixth nearly so; one in 29 is not in the form of `normalise`, one in 31 refuses.
    """
    rng = random.Random(seed)
    clauses = ["".join(rng.choices(HAN, k=rng.randint(8, 18))) + "，" for _ in range(CLAUSES)]
    marks = rng.choices(HAN, k=997)
    questions, answers = rng.choices(clauses, k=rows), rng.choices(clauses, k=5 * rows)
    kinds = rng.choices(range(12), k=rows)
    samples: list[tuple[str, str]] = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, kind in enumerate(kinds):
            question, answer = questions[number], "".join(answers[5 * number : 5 * number + 5])
            if kind < 3 and samples:
                question, answer = samples[rng.randrange(number)]
                if kind > 0:
                    middle = len(answer) // 2
                    answer = answer[:middle] + marks[number % len(marks)] + answer[middle:]
            samples.append((question, answer))
            # Escaped, as JSON has them.
            answer = "很抱歉，我无法回答这个问题。" if number % 31 == 7 else answer
            answer += " \\r\\n" if number % 29 == 5 else ""
            file.write(f'{{"id": "{number}", "instruction": "{question}", "input": "", "output": "{answer}"}}\n')
            if number % 2_000 == 1_999:
                file.write(BAD_LINES[number // 2_000 % len(BAD_LINES)] + "\n")
