"""Asks a server in a process that a test can kill: URL, folder, number of questions, connections."""

import json
import sys

from belle_data.engine.progress import Silent
from belle_train.judge.asking import JudgeServer, Question, ask
from belle_train.judge.budget import Budget
from belle_train.judge.reply_store import ReplyStore


def questions(count: int) -> list[Question]:
    return [
        Question(f"{number}", ({"role": "system", "content": "评分"}, {"role": "user", "content": f"第{number}个回答"}))
        for number in range(count)
    ]


if __name__ == "__main__":
    url, folder, count, connections = sys.argv[1:]
    server = JudgeServer("judge-model", url, connections=int(connections))
    with ReplyStore(folder) as store:
        found = ask(server, questions(int(count)), None, store, Budget(), Silent())
    sys.stdout.write(json.dumps([repr(one) for one in found]))
