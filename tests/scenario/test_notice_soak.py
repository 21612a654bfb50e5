"""The soak of notices in short: a daemon, sessions in worktrees and in one checkout, and not one fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from notice_crew import Pace
from notice_soak import is_right, soak

SHORT = Pace(call=(0.2, 1.0), plan=(0.1, 0.4), turnover=(2.0, 4.0), stranger=(1.0, 3.0), within=40.0)
"""Patient, for the machine may be busy."""


@pytest.mark.timeout(600)  # fifteen seconds, where the machine has nothing else to do
def test_scripted_sessions_are_told_what_concerns_them_once_and_nobody_else_is(tmp_path: Path) -> None:
    figures, verdict = soak(tmp_path, minutes=0.15, repositories=1, sessions=6, seed=7, pace=SHORT)

    assert verdict.sentences == []
    assert is_right(figures), figures
    assert verdict.told >= figures["meetings"], "both sides of each, or one and a person"
    assert verdict.forged > 0, "strangers spoke in others' names, and that is recorded"
