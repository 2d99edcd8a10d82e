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


class Booking:
    """An amount that counts from a time on, until it leaves the windows that it is in."""

    __slots__ = ("amount", "at", "windows")

    def __init__(self, at: float, amount: int, windows: list[_Window]) -> None:
        self.at, self.amount, self.windows = at, amount, list(windows)
        for window in windows:
            window.booked.append(self)
            window.total += amount

    def lower(self, amount: int) -> None:
        """Let it count for less."""
        less = max(self.amount - amount, 0)
        self.amount -= less
        for window in self.windows:
            window.total -= less


class _Window:
    """What was booked within the last seconds, never more than the limit; more than all of it counts as all of it."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self.booked: deque[Booking] = deque()
        self.total = 0

    def wait(self, amount: int, now: float) -> float:
        """Seconds until so much fits, if nothing else happens; 0 if it fits now."""
        while self.booked and self.booked[0].at + self._seconds <= now:
            over = self.booked.popleft()
            over.windows.remove(self)
            self.total -= over.amount
        too_much = self.total + min(amount, self._limit) - self._limit
        for one in self.booked:
            if too_much <= 0:
                break
            too_much -= one.amount
            if too_much <= 0:
                return one.at + self._seconds - now
        return 0.0


class Pace:
    """When requests may leave, in the order in which they ask.

    Args:
        requests: At most in a minute; None for no limit.
        tokens: At most in a minute; None for no limit. A request with more than these goes alone.
        clock: Seconds.
        minute: Seconds of a minute; None for `MINUTE`.
    """

    def __init__(
        self,
        requests: int | None,
        tokens: int | None,
        clock: Callable[[], float] = time.monotonic,
        minute: float | None = None,
    ) -> None:
        self._clock = clock
        minute = MINUTE if minute is None else minute
        self._turn = asyncio.Lock()
        self._lowered = asyncio.Event()
        self._requests = _windows(requests, minute)
        self._tokens = _windows(tokens, minute)
        self.free = requests is None and tokens is None
        """There is no limit."""

    def book(self, tokens: int) -> tuple[float, Booking | None]:
        """Let a request leave now, or tell how many seconds to wait before asking again.

        Args:
            tokens: That it may need at most.

        Returns:
            0 and what was booked, whose tokens `lower` can set to what they were; or seconds and None.
        """
        now = self._clock()
        waits = [window.wait(1, now) for window in self._requests]
        waits += [window.wait(tokens, now) for window in self._tokens]
        if any(wait > 0 for wait in waits):
            return max(waits), None
        Booking(now, 1, self._requests)
        return 0.0, Booking(now, tokens, self._tokens)

    async def leave(self, tokens: int) -> Booking | None:
        """Wait until a request may leave."""
        if self.free:
            return None
        async with self._turn:
            while True:
                wait, booking = self.book(tokens)
                if booking is not None:
                    return booking
                # Replies that come meanwhile may have needed fewer tokens than were booked.
                self._lowered.clear()
                try:
                    await asyncio.wait_for(self._lowered.wait(), wait)
                except TimeoutError:
                    continue

    def lower(self, booking: Booking, tokens: int) -> None:
        """Let a request that left count for fewer tokens than were booked."""
        booking.lower(tokens)
        self._lowered.set()


def _windows(limit: int | None, minute: float) -> list[_Window]:
    if limit is None:
        return []
    share = max(limit // _SHARE, 1)
    # Below ten in a minute the share is one, and lasts for its part of the minute.
    return [_Window(limit, minute * _SLACK), _Window(share, minute * _SLACK * share / limit)]
