"""Keeps to limits per minute: in no minute more than the limit, and within it no burst of a minute's worth."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60.0
_SLACK = 1.01
"""Windows are this much longer than they need be, since a server sees requests at other times than they are sent."""
_SHARE = 10
"""A tenth of the limit goes out in a tenth of a minute."""
_LONGEST_SLEEP = 0.25


class Booking:
    """An amount that counts from a time on; it may be set to less later."""

    __slots__ = ("amount", "at")

    def __init__(self, at: float, amount: int) -> None:
        self.at, self.amount = at, amount


class _Window:
    """What was booked within the last seconds, never more than the limit; more than all of it counts as all of it."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._booked: deque[Booking] = deque()

    def wait(self, amount: int, now: float) -> float:
        """Seconds until so much fits, if nothing else happens; 0 if it fits now."""
        while self._booked and self._booked[0].at + self._seconds <= now:
            self._booked.popleft()
        over = sum(one.amount for one in self._booked) + min(amount, self._limit) - self._limit
        for one in self._booked:
            if over <= 0:
                break
            over -= one.amount
            if over <= 0:
                return one.at + self._seconds - now
        return 0.0

    def add(self, booking: Booking) -> None:
        self._booked.append(booking)


class Pace:
    """When requests may leave, in the order in which they ask.

    Args:
        requests: At most in a minute; None for no limit.
        tokens: At most in a minute; None for no limit. A request with more than these goes alone.
        clock: Seconds.
        minute: Seconds of a minute.
    """

    def __init__(
        self,
        requests: int | None,
        tokens: int | None,
        clock: Callable[[], float] = time.monotonic,
        minute: float = MINUTE,
    ) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._requests = _windows(requests, minute)
        self._tokens = _windows(tokens, minute)
        self.free = requests is None and tokens is None
        """There is no limit."""

    def book(self, tokens: int) -> tuple[float, Booking | None]:
        """Let a request leave now, or tell how many seconds to wait before asking again.

        Args:
            tokens: That it may need at most.

        Returns:
            0 and what was booked, of which the tokens can be set to what they were; or seconds and None.
        """
        now = self._clock()
        wait = max(
            [window.wait(1, now) for window in self._requests] + [w.wait(tokens, now) for w in self._tokens] + [0.0]
        )
        if wait > 0:
            return wait, None
        one, booked = Booking(now, 1), Booking(now, tokens)
        for window in self._requests:
            window.add(one)
        for window in self._tokens:
            window.add(booked)
        return 0.0, booked

    async def leave(self, tokens: int) -> Booking | None:
        """Wait until a request may leave."""
        if self.free:
            return None
        async with self._turn:
            while True:
                wait, booking = self.book(tokens)
                if booking is not None:
                    return booking
                # Short: replies that come meanwhile may have needed fewer tokens than were booked.
                await asyncio.sleep(min(wait, _LONGEST_SLEEP))


def _windows(limit: int | None, minute: float) -> list[_Window]:
    if limit is None:
        return []
    share = max(limit // _SHARE, 1)
    # Below ten in a minute the share is one, and lasts for its part of the minute.
    return [_Window(limit, minute * _SLACK), _Window(share, minute * _SLACK * share / limit)]
