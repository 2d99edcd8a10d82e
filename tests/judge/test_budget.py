"""A budget is never passed: by its own count, and by that of a server."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.judge.fault_server import MODEL, FaultServer, planned

from belle_data.engine.progress import Silent
from belle_data.errors import UsageError
from belle_train.judge.asking import JudgeServer, Question, ask
from belle_train.judge.budget import Budget, Tokens
from belle_train.judge.pace import Pace
from belle_train.judge.prices import PRICES, Price, price_of
from belle_train.judge.replies import Missing, Reply
from belle_train.judge.reply_store import ReplyStore

if TYPE_CHECKING:
    from pathlib import Path

PRICE = Price(2.5, 10.0)


def test_reservations_never_pass_the_budget() -> None:
    chance = random.Random(0)
    for _ in range(200):
        most = chance.randint(0, 400)
        budget = Budget(max_total_tokens=most)
        budget.remember("earlier", before := Tokens(chance.randint(0, 50), chance.randint(0, 50)))
        under_way: list[Tokens] = []
        spent = before.total
        for _ in range(60):
            if under_way and chance.random() < 0.4:
                reserved = under_way.pop(chance.randrange(len(under_way)))
                used = Tokens(chance.randint(0, reserved.prompt), chance.randint(0, reserved.answer))
                budget.settle(reserved, used)
                spent += used.total
            else:
                wanted = Tokens(chance.randint(0, 60), chance.randint(0, 60))
                room = most - spent - sum(one.total for one in under_way) >= wanted.total
                assert budget.reserve(wanted) == room
                under_way += [wanted] * room
            assert budget.spent.total == spent
            assert budget.in_flight == len(under_way)
        assert spent <= max(most, before.total)


def test_money_is_exact() -> None:
    budget = Budget(max_cost=0.3, price=Price(0.1, 0.2))
    # 0.1 + 0.2 is more than 0.3 in floating point.
    assert budget.reserve(Tokens(1_000_000, 0))
    assert budget.reserve(Tokens(0, 1_000_000))
    assert not budget.reserve(Tokens(1, 0))
    assert budget.reserve(Tokens(0, 0))
    assert budget.cost(Tokens(2_000_000, 500_000)) == 0.3
    assert Budget().cost(Tokens(1, 1)) is None


def test_earlier_spending_of_a_folder_counts_once() -> None:
    budget = Budget(max_total_tokens=100)
    budget.remember("a", Tokens(30, 30))
    budget.remember("a", Tokens(30, 30))
    assert budget.reserve(Tokens(20, 20))
    assert not budget.reserve(Tokens(1, 0))
    assert (budget.spent, budget.spent_now) == (Tokens(30, 30), Tokens())


def test_limits_that_mean_nothing() -> None:
    with pytest.raises(UsageError, match="needs the model's price") as caught:
        Budget(max_cost=1.0, price=price_of("my-model"))
    assert "--price-in" in str(caught.value.hint)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="0 dollars or more"):
            Budget(max_cost=wrong, price=PRICE)
        with pytest.raises(UsageError, match="0 dollars per million"):
            Price(wrong, 1.0)
    with pytest.raises(UsageError, match="0 or more: -1"):
        Budget(max_total_tokens=-1)


def test_prices_are_of_exact_names() -> None:
    assert price_of("gpt-4o") == Price(2.5, 10.0)
    assert price_of("gpt-4o-9999-01-01") is None
    assert all(price.input < price.output for price in PRICES.values())


def questions(count: int, chance: random.Random) -> list[Question]:
    return [
        Question(f"{number}", ({"role": "user", "content": f"{number}" + "好" * chance.randint(0, 300)},))
        for number in range(count)
    ]


@pytest.mark.parametrize("seed", range(8))
def test_the_server_never_counts_more_than_the_budget(server: FaultServer, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    server.plan = lambda text: [name for name in planned(seed, text, 2) if name != "slow"]
    what = questions(40, chance)
    connections = chance.choice([1, 4, 16])
    judge = JudgeServer(MODEL, server.url, connections=connections, retries=2, max_tokens=chance.randint(20, 200))
    tokens = chance.randint(200, 12_000)
    dollars = chance.randint(100, 30_000) / 1e6
    limits: dict[str, Any] = {"max_total_tokens": tokens} if seed % 2 else {"max_cost": dollars, "price": PRICE}
    for _ in range(3):
        # Again and again with the same budget: it is not spent twice.
        with ReplyStore(tmp_path) as store:
            budget = Budget(**limits)
            found = ask(judge, what, None, store, budget, Silent())
            assert store.spent == budget.spent
        prompt, answer = server.charged
        if seed % 2:
            assert prompt + answer <= budget.spent.total <= tokens
        else:
            assert (prompt * 2.5 + answer * 10) / 1e6 <= dollars * (1 + 1e-9)
            assert budget.cost(budget.spent) <= dollars * (1 + 1e-9)  # type: ignore[operator]
        over = [one for one in found if isinstance(one, Missing) and one.reason == "budget"]
        assert budget.in_flight == 0
        assert len(over) < len(what) or not server.asked


def test_all_is_asked_that_fits(server: FaultServer, tmp_path: Path) -> None:
    what = questions(30, random.Random(1))
    judge = JudgeServer(MODEL, server.url, connections=8, max_tokens=50)
    with ReplyStore(tmp_path / "free") as store:
        assert all(isinstance(one, Reply) for one in ask(judge, what, None, store, Budget(), Silent()))
        needed = store.spent.total
    # With room for one more at its worst at any time, what others set aside only makes it wait.
    with ReplyStore(tmp_path / "tight") as store:
        found = ask(judge, what, None, store, Budget(max_total_tokens=needed + 1200), Silent())
        assert all(isinstance(one, Reply) for one in found)
    with ReplyStore(tmp_path / "none") as store:
        found = ask(judge, what, None, store, Budget(max_total_tokens=10), Silent())
        assert found == [Missing("budget")] * 30
    assert len(server.asked) == 60


@pytest.mark.parametrize(("requests", "tokens"), [(7, None), (120, None), (None, 500), (40, 2000), (1, 10)])
def test_a_minute_never_has_more_than_its_limit(requests: int | None, tokens: int | None) -> None:
    chance = random.Random(2)
    now = 0.0
    pace = Pace(requests, tokens, clock=lambda: now)
    left: list[tuple[float, int]] = []
    for _ in range(300):
        wanted = chance.randint(1, 60)
        while True:
            wait, booking = pace.book(wanted)
            if booking is not None:
                break
            assert wait > 0
            now += wait
        used = chance.randint(0, wanted)
        pace.lower(booking, used)
        left.append((now, used))
        now += chance.choice([0.0, 0.001, 1.0, 30.0])
    for place, (begin, _) in enumerate(left):
        minute = [used for moment, used in left[place:] if moment < begin + 60]
        assert requests is None or len(minute) <= requests
        # A request that needs more than the limit goes alone.
        assert tokens is None or sum(minute) <= max(tokens, minute[0])
    if requests is not None and requests >= 100:
        seconds = [sum(begin <= moment < begin + 6 for moment, _ in left) for begin, _ in left]
        assert max(seconds) <= requests / 10, "no burst of a minute's worth"
