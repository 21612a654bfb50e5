"""Budgets that hold: what a new engagement may spend is set aside before it starts. Pure.

Whatever is spent today, and all that those at work may still spend, is never more than the budget of the day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from watchkeeper.model.fleet import Budget, Spend
from watchkeeper.model.fleet_state import EngagementStanding

_LEAST = 0.2
"""Of a usual share: with less an engagement would be stopped before it comes to anything, and its money be lost."""

_KINDS = Budget.__struct_fields__


def over(spend: Spend, budget: Budget) -> str:
    """Which part of a budget is used up, in words; ``""`` where something is left of everything."""
    used = [name for name in _KINDS if getattr(budget, name) and getattr(spend, name) >= getattr(budget, name)]
    return _amount(used[0], getattr(budget, used[0])) if used else ""


def total(spends: Iterable[Spend]) -> Spend:
    """All of them together."""
    found = list(spends)
    return Spend(sum(s.money for s in found), sum(s.tokens for s in found), sum(s.minutes for s in found))


def set_aside(standing: EngagementStanding) -> Spend:
    """What an engagement at work may still spend; nothing where it has no bound."""
    bound, spent = standing.engagement.seal.budget, standing.spend
    return Spend(
        max(0.0, bound.money - spent.money),
        max(0, bound.tokens - spent.tokens),
        max(0.0, bound.minutes - spent.minutes),
    )


def share(day: Budget, each: Budget, gone: Spend, slots: int, concurrency: int) -> Budget | str:
    """What one more engagement may spend of a ``day``, of which ``gone`` is spent or set aside; else why none may.

    ``each`` is the most for one; where it sets nothing, what is left is divided among the free ``slots``.
    """
    found: dict[str, float] = {}
    for name in _KINDS:
        bound, most, away = (float(getattr(part, name)) for part in (day, each, gone))
        if not bound:
            found[name] = most
            continue
        left = max(0.0, bound - away)
        usual = min(most, bound) if most else bound / max(1, concurrency)
        amount = min(most, left) if most else _rounded(left / max(1, slots))
        if name == "tokens":
            amount = math.floor(amount)
        if amount < usual * _LEAST or amount <= 0:
            return f"what is left of {_amount(name, bound)} a day is too little for another"
        found[name] = amount
    return Budget(found["money"], int(found["tokens"]), found["minutes"])


def is_within(one: Budget, other: Budget) -> bool:
    """Whoever keeps to the one keeps to the other."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in _KINDS]
    return all(not most or 0 < bound <= most for bound, most in pairs)


def narrower(one: Budget, other: Budget) -> Budget:
    """The stricter of both, for each kind."""

    def least(name: str) -> float:
        bounds = [bound for bound in (getattr(one, name), getattr(other, name)) if bound]
        return min(bounds, default=0)

    return Budget(least("money"), int(least("tokens")), least("minutes"))


def _rounded(amount: float) -> float:
    """Down to two digits: it stays the same while others spend a little."""
    if amount <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(amount)) - 1)
    return math.floor(amount / step) * step


def _amount(name: str, amount: float) -> str:
    return f"{amount:.2f} {name}" if name == "money" else f"{amount:,.0f} {name}"
