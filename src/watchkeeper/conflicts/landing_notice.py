"""What a session is told of its finished change: it came back, it waits for a person, it broke the target branch.

As all notices: short, one next step, and what comes from repositories quoted, so that nothing in it can give orders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from watchkeeper.conflicts.landing_news import Culprit, Intent
from watchkeeper.conflicts.notice import closed, quote
from watchkeeper.model.agents import NoticeId, SessionId
from watchkeeper.model.landing import Bounce, EntryBounced, EntryHeld, EntryId

_MOST_NAME, _MOST_REASON, _MOST_TEST, _MOST_TITLE, _MOST_ISSUE = 60, 160, 100, 60, 20
_MOST_TITLE_WORDS = 9
_NOTHING: Mapping[EntryId, Intent] = MappingProxyType({})


def returned_id(session: SessionId, entry: EntryId) -> NoticeId:
    """The same for the same session and revision that came back."""
    return _identity(session, entry)


def held_id(session: SessionId, entry: EntryId) -> NoticeId:
    """The same for the same session and revision that waits for a person."""
    return _identity(session, entry, "held")


def culprit_id(session: SessionId, entry: EntryId) -> NoticeId:
    """The same for the same session and revision that broke the target branch."""
    return _identity(session, entry, "culprit")


def returned_text(bounce: EntryBounced, *, show_verb: str, intents: Mapping[EntryId, Intent] = _NOTHING) -> str:
    """What a session is told whose finished change came back from the queue. ``show_verb`` shows all of it."""
    lines = [
        f"Watchkeeper: your change {quote(bounce.id, _MOST_NAME)} did not land.",
        _WHY_BACK[bounce.why] + _together_with(bounce.partners),
        *[f"- {quote(each, _MOST_TEST)}" for each in bounce.evidence[:2]],
        *_both_intents(bounce.id, bounce.partners, intents),
        f"Reason: {quote(bounce.reason, _MOST_REASON)}",
        f"Next: {_NEXT_BACK[bounce.why]} The other side's diff: {show_verb}",
    ]
    return closed(lines)


def held_text(held: EntryHeld, *, show_verb: str) -> str:
    """What a session is told whose finished change waits for a person since its run, by what only that showed."""
    next_step = "nothing has to be done; a new revision with tests that execute these lines may land without waiting."
    lines = [
        f"Watchkeeper: your change {quote(held.id, _MOST_NAME)} passed, and waits for a person before it lands.",
        f"Reason: {quote(held.reason, _MOST_REASON)}",
        f"Next: {next_step} All of it: {show_verb}",
    ]
    return closed(lines)


def culprit_text(culprit: Culprit, *, show_verb: str, intents: Mapping[EntryId, Intent] = _NOTHING) -> str:
    """What a session is told whose change is in the target branch and breaks it."""
    fails = quote(culprit.tests[0] if culprit.tests else "the tests", _MOST_TEST) + _more(culprit.tests)
    lines = [
        f"Watchkeeper: your change {quote(culprit.entry, _MOST_NAME)} is in the target branch, and breaks it.",
        f"Fails since: {fails}.{_together_with(culprit.partners)}",
        *_both_intents(culprit.entry, culprit.partners, intents),
        _revert_words(culprit),
        f"Next: mend it on top of the target branch and land that, or leave it to a person. All of it: {show_verb}",
    ]
    return closed(lines)


def _identity(session: SessionId, entry: EntryId, kind: str = "") -> NoticeId:
    told = f"{session}\0{entry}{kind and chr(0)}{kind}"
    return NoticeId(f"n-{hashlib.blake2b(told.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}")


def _together_with(partners: Sequence[EntryId]) -> str:
    return f" Together with: {' and '.join(quote(each, _MOST_NAME) for each in partners[:2])}." if partners else ""


def _both_intents(own: EntryId, partners: Sequence[EntryId], intents: Mapping[EntryId, Intent]) -> list[str]:
    """What each side is for, in one line each; nothing of a side of which nothing is known."""
    sides = [("Yours", own), *[("The other's", each) for each in partners[:1]]]
    return [f"{whose} is for: {said}" for whose, entry in sides if (said := _for_what(intents.get(entry)))]


def _for_what(intent: Intent | None) -> str:
    if intent is None:
        return ""
    title = " ".join(intent.title.split()[:_MOST_TITLE_WORDS])
    issue = f"issue {quote(intent.issue, _MOST_ISSUE)}" if intent.issue.strip() else ""
    return ", ".join(filter(None, [quote(title, _MOST_TITLE) if title else "", issue]))


def _revert_words(culprit: Culprit) -> str:
    if culprit.revert:
        return "A revert of it is prepared; a person may land it."
    if culprit.no_revert:
        return f"git cannot take it out by itself: {quote(culprit.no_revert, _MOST_TEST)}"
    return "A revert of it is being prepared."


def _more(tests: Sequence[str]) -> str:
    return f" and {len(tests) - 1} more" if len(tests) > 1 else ""


_WHY_BACK = {
    Bounce.SET: "It is right alone, and wrong with what lands before it.",
    Bounce.ALONE: "It fails on the target branch as it is now.",
    Bounce.CLASH: "git cannot merge it with the target branch.",
    Bounce.EMPTY: "Merged into the target branch, it changes nothing there.",
    Bounce.PERSON: "A person sent it back.",
}
_NEXT_BACK = {
    Bounce.SET: "merge the target branch, make both hold together, commit, and land it again.",
    Bounce.ALONE: "merge the target branch, mend what fails, commit, and land it again.",
    Bounce.CLASH: "merge the target branch, keep what both sides meant, commit, and land it again.",
    Bounce.EMPTY: "where the target branch lacks what you were to do, do it, commit, and land it again; else nothing.",
    Bounce.PERSON: "read the reason, and land it again when it is met.",
}
