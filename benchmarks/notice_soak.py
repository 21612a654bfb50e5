"""Scripted sessions at work in several repositories: what they are told, held against what is true.

    python benchmarks/notice_soak.py [--minutes 10] [--repositories 5] [--sessions 30] [--seed 1]

A real daemon for each repository; each session is a process of its own that starts the real shim before and after each
tool, in the words of its vendor. In two repositories half of the sessions share the main checkout, the others have a
worktree each. Again and again two of them are made to meet (or to pass each other closely: an edit of one file, of one
docstring), heed what they are told or not; sessions end, die, fall silent, and new ones come, in the same worktree or
in a fresh one; two daemons are started anew in the middle, one of them after a kill; strangers send garbage and speak
in others' names; and people edit files without telling anybody.

``notice_truth`` counts every difference between what was told and what was planned. Ends with 1 where there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from figures import record_figures
from notice_crew import Crew, Pace
from notice_truth import FAULTS, Story, Verdict, judge, spread
from scratch import ROOT

SHARING = 2
"""So many repositories have sessions that share a checkout."""
_SETTLE_S = 20.0
_PACE = Pace()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--repositories", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="an empty folder for all that is made, to look at")
    options = parser.parse_args(arguments)
    kept = nullcontext(str(options.keep)) if options.keep else tempfile.TemporaryDirectory(prefix="notice-soak-")
    with kept as folder:
        figures, verdict = soak(
            Path(folder), minutes=options.minutes, repositories=options.repositories, sessions=options.sessions,
            seed=options.seed,
        )  # fmt: skip
    print(json.dumps(figures, indent=1))
    for sentence in verdict.sentences[:50]:
        print(sentence)
    command = f"python benchmarks/notice_soak.py --minutes {options.minutes:g} --repositories {options.repositories}"
    record_figures("notice_soak", figures, command=f"{command} --sessions {options.sessions} --seed {options.seed}")
    return 0 if is_right(figures) else 1


def is_right(figures: dict[str, Any]) -> bool:
    """Nothing was told wrongly, and everything that was to happen did happen."""
    return not any(figures["faults"].values()) and not figures["idle"] and bool(figures["meetings"])


def soak(
    root: Path, *, minutes: float, repositories: int, sessions: int, seed: int, pace: Pace = _PACE
) -> tuple[dict[str, Any], Verdict]:
    """All of it; whatever was started has ended when it returns."""
    from watchkeeper.agents.shimcopy import render_shim

    home = root / "home"
    env = {**os.environ, "WATCHKEEPER_HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
    shim = root / "shim.py"
    shim.write_bytes(render_shim(home, 20.0))
    crews: list[Crew] = []
    try:
        for number in range(repositories):
            seats = sessions // repositories
            shared = max(3, seats // 2) if number < SHARING else 0
            dice = random.Random(f"{seed} {number}")
            crews.append(
                Crew(
                    root, number, shared=shared, worktrees=max(seats - shared, 2), minutes=minutes, pace=pace,
                    shim=shim, env=env, dice=dice,
                )
            )  # fmt: skip
        for crew in crews:
            crew.start()
        lasted = _run(crews, minutes * 60)
        end = time.monotonic()
        for crew in crews:
            crew.end_sessions()
        for crew in crews:
            crew.wait_settled(_SETTLE_S)
        for crew in crews:
            crew.stop()
    finally:
        for crew in crews:
            crew.close()
    plans = [plan for crew in crews for plan in crew.plans]
    verdict = judge(plans, [(crew.agents, Story(crew.read_log())) for crew in crews], end, within_s=pace.within)
    return _figures(crews, verdict, lasted), verdict


def _run(crews: list[Crew], seconds: float) -> float:
    """Let them work; in the middle two daemons of those without a shared checkout are started anew."""
    began, stop = time.monotonic(), threading.Event()
    threads = [threading.Thread(target=work) for crew in crews for work in crew.threads(stop)]
    for each in threads:
        each.start()
    try:
        stop.wait(seconds / 2)
        for crew, is_kill in zip([each for each in crews if not each.shared], (False, True), strict=False):
            crew.restart(kill=is_kill)
        stop.wait(max(0.0, seconds - (time.monotonic() - began)))
    finally:
        stop.set()
        for each in threads:
            each.join(120)
        for crew in crews:
            crew.join()
    return time.monotonic() - began


def _figures(crews: list[Crew], verdict: Verdict, lasted: float) -> dict[str, Any]:
    plans = [plan for crew in crews for plan in crew.plans]
    agents = [agent for crew in crews for agent in crew.agents]
    counts = Counter[str]()
    for crew in crews:
        counts += crew.counts
    return {
        "seconds": round(lasted),
        "repositories": len(crews),
        "sessions_at_once": sum(crew.shared + crew.worktrees for crew in crews),
        "sessions": len(agents),
        "hook_calls": sum(agent.calls for agent in agents),
        "meetings": sum(plan.is_meeting for plan in plans),
        "meetings_a_minute": round(60 * sum(plan.is_meeting for plan in plans) / lasted, 1),
        "by_rule": dict(sorted(Counter(plan.rule for plan in plans).items())),
        "disturbances": dict(sorted(counts.items())),
        "notices_told": verdict.told,
        "told_again_as_proved": verdict.graver,
        "heeds": dict(verdict.heeds),
        "faults": {each: verdict.faults[each] for each in FAULTS} | _more_faults(crews, verdict),
        "idle": [crew.number for crew in crews if crew.is_dry],
        "save_to_queued_ms": spread(verdict.queued_ms),
        "save_to_saver_told_ms": spread(verdict.saver_ms),
        "save_to_other_told_ms": spread(verdict.other_ms),
        "processor_share": [round(crew.daemon.cpu_s / lasted, 3) for crew in crews],
        "memory_mb": [[round(crew.daemon.first_mb), round(crew.daemon.peak_mb)] for crew in crews],
    }


def _more_faults(crews: list[Crew], verdict: Verdict) -> dict[str, int]:
    """Those that are seen without a plan."""
    asked = sum(crew.counts["forged calls"] for crew in crews)
    return {
        "told_to_strangers": sum(crew.leaked for crew in crews),
        "forgery_not_recorded": int(bool(asked) and not verdict.forged),
        "scripts_failed": sum(len(crew.failures) for crew in crews),
        "daemons_ended": sum(crew.daemon.lost for crew in crews),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
