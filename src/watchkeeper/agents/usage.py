"""What agents tell of the tokens and the money that they used: four ways of saying it, read into one.

Numbers that make no sense read as 0: they are counted against a budget, and nobody may earn by telling nonsense.
"""

from __future__ import annotations

import math

from watchkeeper.agents.untrusted import Fields, find_fields, find_text
from watchkeeper.model.agents import Usage

_MOST_TOKENS = 10**12
_MOST_MONEY = 1e6
_INPUTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def read_acp_update(update: Fields) -> Usage | None:
    """A ``usage_update`` of a session: what it has cost until now. How full its context is, is no use of tokens."""
    money = _money(find_fields(update, "cost").get("amount"))
    return Usage(money=money) if money else None


def read_acp_answer(answer: object) -> Usage | None:
    """The answer to a prompt, where it has ``usage``: the tokens of the session until now."""
    told = find_fields(answer, "usage")
    inputs = sum(_tokens(told.get(key)) for key in ("inputTokens", "cachedReadTokens", "cachedWriteTokens"))
    outputs = sum(_tokens(told.get(key)) for key in ("outputTokens", "thoughtTokens"))
    return _known(Usage(inputs or _rest(told, "totalTokens", outputs), outputs))


def read_codex(params: Fields) -> Usage | None:
    """A ``thread/tokenUsage/updated``: the thread's tokens until now. Cached input is part of its input."""
    total = find_fields(params, "tokenUsage", "total")
    return _known(Usage(_tokens(total.get("inputTokens")), _tokens(total.get("outputTokens"))))


def read_opencode_step(part: Fields) -> Usage | None:
    """A finished step of OpenCode's: what one call of its model used."""
    told = find_fields(part, "tokens")
    cache = find_fields(told, "cache")
    inputs = _tokens(told.get("input")) + _tokens(cache.get("read")) + _tokens(cache.get("write"))
    outputs = _tokens(told.get("output")) + _tokens(told.get("reasoning"))
    return _known(Usage(inputs, outputs, _money(part.get("cost")), is_total=False))


def read_stream(line: Fields) -> Usage | None:
    """A line of JSON of an agent that nobody talks to: the end of its run, or a step of it, with what that used."""
    kind = find_text(line, "type")
    if kind == "step_finish":
        return read_opencode_step(find_fields(line, "part"))
    if kind not in ("result", "turn.completed", "complete"):
        return None
    told = {**find_fields(line, "stats"), **find_fields(line, "usage")}
    outputs = _tokens(told.get("output_tokens"))
    inputs = sum(_tokens(told.get(key)) for key in _INPUTS)
    inputs = inputs or _rest({**line, **told}, "total_tokens", outputs)
    money = _money(line.get("total_cost_usd"))
    return _known(Usage(inputs, outputs, money, is_total=False))


def _known(usage: Usage) -> Usage | None:
    return usage if usage.tokens_in or usage.tokens_out or usage.money else None


def _rest(told: Fields, total: str, outputs: int) -> int:
    """Where only the sum is told."""
    return max(0, _tokens(told.get(total)) - outputs)


def _tokens(value: object) -> int:
    number = _money(value, _MOST_TOKENS)
    return int(number)


def _money(value: object, most: float = _MOST_MONEY) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        return most
    return min(number, most) if math.isfinite(number) and number > 0 else 0.0
