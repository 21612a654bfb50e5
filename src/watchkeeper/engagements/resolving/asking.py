"""What to ask first, of all that is missing: at most three questions, to the person who can answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from watchkeeper.engagements.resolving.situation import Lack, Whom

MOST = 3
"""Questions that are asked before any of them is answered."""


class Question(msgspec.Struct, frozen=True):
    """One question, and the steps that cannot begin without its answer."""

    whom: Whom
    text: str
    rule: str
    input: str
    blocks: tuple[str, ...]


def first_questions(lacks: Mapping[str, Sequence[Lack]]) -> tuple[tuple[Question, ...], int]:
    """The first questions, by what they block, and how many are left for later. ``lacks`` are by step.

    What several steps lack is asked once. What only waits for another step is no question.
    """
    asked: dict[tuple[Whom, str], tuple[Lack, list[str]]] = {}
    for step, each in lacks.items():
        for lack in each:
            if not lack.waits:
                steps = asked.setdefault((lack.whom, lack.question), (lack, []))[1]
                if step not in steps:
                    steps.append(step)
    questions = [
        Question(whom, text, lack.rule, lack.input, tuple(steps)) for (whom, text), (lack, steps) in asked.items()
    ]
    questions.sort(key=lambda question: (-len(question.blocks), int(question.rule[1:]), question.input, question.text))
    return tuple(questions[:MOST]), max(len(questions) - MOST, 0)
