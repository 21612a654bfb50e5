"""What an arm came to in one cell of the grid, over all seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from landing.arm import Outcome, Played


@dataclass(frozen=True)
class Figures:
    """Minutes from arrival, shares of 1, and what each landed change cost. None where there is nothing to measure."""

    changes: int
    landed: int
    p50: float | None
    p95: float | None
    p99: float | None
    decided_p95: float | None
    landed_per_hour: float
    runs_per_landed: float
    slot_minutes_per_landed: float
    stopped: float
    false_bounces: float
    sets_named: int
    precision: float | None
    sets_due: int
    recall: float | None
    runs_to_name: float | None
    main_red: int
    passed_over: int

    def document(self) -> dict[str, object]:
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


def measure(games: Sequence[Played]) -> Figures:
    """All games of one arm in one cell as one sample."""
    waits: list[float] = []
    decided: list[float] = []
    bounced: list[Outcome] = []
    hours = 0.0
    for game in games:
        hours += max(each.at for each in game.outcomes.values()) / 60
        for change, outcome in game.outcomes.items():
            wait = outcome.at - game.truth.at[change]
            decided.append(wait)
            waits.extend([wait] if outcome.has_landed else [])
            bounced.extend([] if outcome.has_landed else [outcome])
    named = [each for each in bounced if each.named]
    due = [each for each in bounced if each.needs_partner]
    landed = max(1, len(waits))
    return Figures(
        changes=len(decided),
        landed=len(waits),
        p50=quantile(waits, 0.5),
        p95=quantile(waits, 0.95),
        p99=quantile(waits, 0.99),
        decided_p95=quantile(decided, 0.95),
        landed_per_hour=len(waits) / hours,
        runs_per_landed=sum(each.spent.runs for each in games) / landed,
        slot_minutes_per_landed=sum(each.spent.minutes for each in games) / landed,
        stopped=sum(each.spent.stopped for each in games) / max(1, sum(each.spent.started for each in games)),
        false_bounces=sum(each.is_false for each in bounced) / len(decided),
        sets_named=len(named),
        precision=_share([each.is_right for each in named]),
        sets_due=len(due),
        recall=_share([each.is_right and bool(each.named) for each in due]),
        runs_to_name=sum(each.cost for each in named) / len(named) if named else None,
        main_red=sum(each.reds for each in games),
        passed_over=max(each.starved for each in games),
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
