"""The record and a repository at GitHub become one, over real sockets, whatever happens between."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from forging import NOON, Desk, open_desk
from githubserver import TOKEN, Fault, serving
from watchkeeper.forge.asking import MOST_ANSWER
from watchkeeper.forge.builtin import Edit
from watchkeeper.forge.port import Draft
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.fleet import Closing, IssueId, IssueState

LIMIT = b'{"message": "API rate limit exceeded"}'
PAGE = b'{"message": "Server Error"}'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serving() as github, open_desk(github, tmp_path) as desk:
        yield desk


def ours(number: int) -> IssueId:
    return IssueId(f"github:octo-org/shop#{number}")


def file_there(desk: Desk, title: str = "Retry uploads", body: str = "", labels: list[str] | None = None) -> IssueId:
    return ours(desk.github.issue(desk.repo, title, body, labels))


def there(desk: Desk, identity: IssueId) -> dict[str, object]:
    return desk.repo.issues[int(identity.rpartition("#")[2])]


def said_there(desk: Desk, identity: IssueId) -> list[str]:
    return [each["body"] for each in desk.repo.comments[int(identity.rpartition("#")[2])]]


def is_list(method: str, path: str) -> bool:
    return method == "GET" and path.endswith("/issues")


# What comes from there


def test_issues_come_with_their_address_and_pull_requests_do_not(desk: Desk) -> None:
    identity = file_there(desk, "Retry uploads", "They fail.", ["bug", "P1"])
    desk.github.pull(desk.repo, "Retry")

    report = desk.sync()

    assert report.filed == (identity,)
    issue = desk.state.issues[identity].issue
    assert (issue.title, issue.body, issue.labels, issue.priority) == ("Retry uploads", "They fail.", ("bug", "P1"), 1)
    assert issue.source == "https://github.example.org/octo-org/shop/issues/1"
    assert issue.author == "octocat"
    assert issue.filed_at == NOON + 1000


def test_a_second_sync_changes_nothing_and_asks_once_what_counts_against_no_limit(desk: Desk) -> None:
    file_there(desk)
    desk.sync()
    desk.sync()
    before = len(desk.github.asked)

    assert desk.sync().is_nothing

    questions = [each for each in desk.github.asked[before:] if is_list(each.method, each.path)]
    assert [each.status for each in questions] == [304]


def test_what_is_changed_closed_and_opened_there_is_so_here(desk: Desk) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.github.change(desk.repo, 1, title="Uploads are retried", labels=["ready"])
    assert desk.sync().edited == (identity,)
    desk.github.change(desk.repo, 1, state="closed")
    assert desk.sync().closed == (identity,)
    own = desk.state.issues[identity]
    assert (own.issue.title, own.issue.labels) == ("Uploads are retried", ("ready",))
    assert (own.state, own.why, own.reason) == (IssueState.CLOSED, Closing.SOURCE, "closed there as completed")
    desk.github.change(desk.repo, 1, state="open")

    assert desk.sync().reopened == (identity,)

    assert desk.state.issues[identity].state is IssueState.OPEN
    assert len(desk.state.issues) == 1


def test_what_was_closed_before_it_was_known_is_no_work_and_is_not_filed(desk: Desk) -> None:
    file_there(desk, "open")
    closed = file_there(desk, "closed")
    desk.github.change(desk.repo, 2, state="closed")
    desk.sync()
    desk.github.say(desk.repo, 2, "thanks")

    assert desk.sync().is_nothing
    assert closed not in desk.state.issues


def test_labels_priority_and_dependencies_of_ours_outlive_what_is_changed_there(desk: Desk) -> None:
    first, second = file_there(desk, "first", "", ["bug"]), file_there(desk, "second")
    desk.sync()
    desk.issues.edit(first, Edit(labels=("ready",), unlabel=("bug",), priority=0, depends_on=(second,)))
    desk.github.change(desk.repo, 1, body="more", labels=["bug", "urgent"])

    desk.sync()

    issue = desk.state.issues[first].issue
    assert (issue.body, issue.labels) == ("more", ("ready", "urgent"))
    assert (issue.priority, issue.depends_on) == (0, (second,))


def test_title_and_body_are_changed_where_they_come_from(desk: Desk) -> None:
    identity = file_there(desk)
    desk.sync()

    with pytest.raises(UsageError) as raised:
        desk.issues.edit(identity, Edit(title="mine"))

    assert raised.value.slug == "issue-elsewhere"
    assert "https://github.example.org/octo-org/shop/issues/1" in raised.value.hint


def test_comments_come_once_and_in_order(desk: Desk) -> None:
    identity = file_there(desk)
    desk.github.say(desk.repo, 1, "first")
    desk.sync()
    desk.github.say(desk.repo, 1, "second", "ada")
    desk.github.say(desk.repo, 1, "second", "ada")

    assert desk.sync().commented == (identity, identity)
    desk.forget()
    desk.sync()

    said = [(each.by, each.text) for each in desk.state.issues[identity].comments]
    assert said == [("github:octocat", "first"), ("github:ada", "second"), ("github:ada", "second")]


def test_what_blocks_it_there_it_depends_on_here_until_that_is_closed(desk: Desk) -> None:
    other = desk.github.repo("octo-org/library")
    foreign = desk.github.issue(other, "fix the library")
    first, second = file_there(desk, "first"), file_there(desk, "second")
    desk.github.block(desk.repo, 1, (desk.repo, 2), (other, foreign))

    desk.sync()
    assert desk.state.issues[first].issue.depends_on == (second, IssueId("github:octo-org/library#1"))
    desk.github.change(other, 1, state="closed")
    desk.github.change(desk.repo, 1)
    desk.sync()

    assert desk.state.issues[first].issue.depends_on == (second,)


def test_what_would_wait_for_itself_there_does_not_here_and_that_is_said_once(desk: Desk) -> None:
    first, second = file_there(desk, "first"), file_there(desk, "second")
    desk.sync()
    desk.issues.edit(second, Edit(depends_on=(first,)))
    desk.github.block(desk.repo, 1, (desk.repo, 2))

    report = desk.sync()

    assert "#1 would wait for itself" in report.problems[0]
    assert desk.state.issues[first].issue.depends_on == ()
    assert desk.state.issues[second].issue.depends_on == (first,)
    assert desk.sync().is_nothing


def test_an_issue_that_goes_while_its_comments_are_asked_for_is_closed(desk: Desk) -> None:
    gone = file_there(desk, "gone")
    desk.sync()
    desk.github.say(desk.repo, 1, "hm")
    desk.github.fail(
        Fault(410, body=b'{"message": "This issue was deleted"}'),
        when=lambda method, path: method == "GET" and path.endswith("/issues/1"),
    )

    assert desk.sync().closed == (gone,)
    assert "This issue was deleted" in desk.state.issues[gone].reason


def test_what_was_looked_at_is_not_looked_through_again_by_every_sync(desk: Desk) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")
    desk.issues.file(Draft("ours"))
    desk.sync()
    desk.sync()

    assert int(desk.shelf.read()["pushed"]) == desk.state.seq


def test_many_pages_are_read_and_none_of_what_changes_meanwhile_is_missed(desk: Desk) -> None:
    for number in range(1, 251):
        file_there(desk, f"issue {number}")
    pages: list[int] = []

    def changes_meanwhile(method: str, path: str) -> bool:
        if path.endswith("/issues"):
            pages.append(len(pages) + 1)
            if len(pages) == 2:
                desk.github.change(desk.repo, 3, title="changed meanwhile")
                desk.github.issue(desk.repo, "filed meanwhile")
        return False

    desk.github.fail(Fault(500), when=changes_meanwhile)
    desk.sync()
    desk.sync()

    assert {each.issue.title for each in desk.state.issues.values()} == {
        *(f"issue {number}" for number in range(1, 251) if number != 3),
        "changed meanwhile",
        "filed meanwhile",
    }


def test_a_whole_sync_closes_what_is_gone_there_and_leaves_what_is_only_not_listed(desk: Desk) -> None:
    gone, stays = file_there(desk, "gone"), file_there(desk, "stays")
    built_in = desk.issues.file(Draft("ours"))
    desk.sync()
    desk.repo.issues.pop(1)

    assert desk.sync().is_nothing
    assert desk.sync(whole=True).closed == (gone,)

    assert "is gone" in desk.state.issues[gone].reason
    assert {each.issue.id for each in desk.state.open_issues()} == {stays, built_in}
    assert desk.sync(whole=True).is_nothing


# What is done there


def test_landed_work_closes_its_issue_there_with_a_comment_that_formats_and_mentions_nothing(desk: Desk) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4 ```` @everyone [x](y)")

    assert desk.sync().done_there == (identity,)

    assert (there(desk, identity)["state"], there(desk, identity)["state_reason"]) == ("closed", "completed")
    (said,) = said_there(desk, identity)
    assert said.startswith("Closed by Watchkeeper: landed.\n\n`````text\nas 1a2b3c4 ```` @everyone [x](y)\n`````")
    assert desk.sync().is_nothing
    assert desk.state.issues[identity].why is Closing.LANDED


def test_what_is_said_and_opened_here_is_said_and_opened_there(desk: Desk) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.comment(identity, "it **hangs**")
    desk.issues.close(identity, Closing.PERSON, "no")
    desk.issues.reopen(identity, "yes")

    desk.sync()
    desk.sync()

    first, last = said_there(desk, identity)
    assert first.startswith("it **hangs**\n\n<!-- watchkeeper:")
    assert last.startswith("Opened again by Watchkeeper.")
    assert there(desk, identity)["state"] == "open"
    assert [each.text for each in desk.state.issues[identity].comments] == ["it **hangs**"]
    assert desk.sync().is_nothing


@pytest.mark.parametrize("shelf", ["kept", "lost"])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_crash_between_the_two_sides_is_mended_by_the_next_sync(
    desk: Desk, method: str, is_done: bool, shelf: str
) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")
    # A request that changes an issue is tried again by itself: the fault lasts longer.
    faults = [Fault(0, after=is_done, cuts=True)] * (4 if method == "PATCH" else 1)
    desk.github.fail(*faults, when=lambda asked, _path: asked == method)

    with pytest.raises(WatchkeeperError) as raised:
        desk.sync()
    if shelf == "lost":
        desk.forget()
    desk.sync()
    desk.sync()

    assert raised.value.slug == "tracker-unreachable"
    assert there(desk, identity)["state"] == "closed"
    assert len(said_there(desk, identity)) == 1
    assert desk.state.issues[identity].why is Closing.LANDED
    assert desk.sync().is_nothing


@pytest.mark.parametrize("shelf", ["kept", "lost"])
def test_who_opens_it_there_after_we_closed_it_has_the_last_word(desk: Desk, shelf: str) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")
    desk.sync()
    desk.github.change(desk.repo, 1, state="open")
    if shelf == "lost":
        desk.forget()

    desk.sync()

    assert desk.state.issues[identity].state is IssueState.OPEN
    assert there(desk, identity)["state"] == "open"
    assert len(said_there(desk, identity)) == 1
    assert desk.sync().is_nothing


def test_closed_on_both_sides_at_once_it_is_closed_and_why_is_said(desk: Desk) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")
    desk.github.change(desk.repo, 1, state="closed")

    desk.sync()

    assert len(said_there(desk, identity)) == 1
    assert desk.state.issues[identity].why is Closing.LANDED
    assert desk.sync().is_nothing


def test_an_issue_that_refuses_holds_up_no_other_and_is_tried_again(desk: Desk) -> None:
    locked, other = file_there(desk, "locked"), file_there(desk, "other")
    desk.sync()
    desk.issues.comment(locked, "hm")
    desk.issues.close(other, Closing.LANDED, "as 1a2b3c4")
    desk.github.fail(
        Fault(403, body=b'{"message": "Unable to create comment because issue is locked."}'),
        when=lambda method, path: method == "POST" and path.endswith("/issues/1/comments"),
    )

    report = desk.sync()

    assert report.done_there == (other,)
    assert "issue is locked" in report.problems[0]
    assert desk.sync().done_there == (locked,)
    assert len(said_there(desk, locked)) == len(said_there(desk, other)) == 1
    assert desk.sync().is_nothing


def test_an_issue_that_is_gone_is_given_up_and_said(desk: Desk) -> None:
    gone, other = file_there(desk, "gone"), file_there(desk, "other")
    desk.sync()
    for identity in (gone, other):
        desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")
    desk.repo.issues.pop(1)

    report = desk.sync()

    assert report.done_there == (other,)
    assert report.problems[0].startswith("github:octo-org/shop#1: what was done here cannot be done there")
    assert desk.sync().is_nothing


def test_without_a_token_issues_are_read_and_what_was_done_waits(desk: Desk) -> None:
    identity = file_there(desk)
    assert desk.sync(token="", pushes=False).filed == (identity,)
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")

    assert desk.sync(token="", pushes=False).is_nothing
    with desk.syncing("") as sync:
        assert [act.id for act in sync.waiting()] == [identity]
        with pytest.raises(UsageError, match="Without a token"):
            sync.run()
    assert there(desk, identity)["state"] == "open"
    assert desk.state.issues[identity].state is IssueState.CLOSED


def test_an_issue_is_filed_there_once_also_where_the_answer_was_lost(desk: Desk) -> None:
    draft = Draft("No timeout", "a.py:3", labels=("bug",), source="scout/timeout `a.py`")
    desk.github.fail(Fault(0, after=True, cuts=True), when=lambda method, _path: method == "POST")
    with desk.syncing() as sync:
        with pytest.raises(WatchkeeperError):
            sync.file(draft)
        identity = sync.file(draft)
        assert sync.file(draft) == identity

    assert len(desk.repo.issues) == 1
    assert desk.state.issues[identity].issue.labels == ("bug",)
    assert "Found at `scout/timeout 'a.py'`" in str(there(desk, identity)["body"])
    assert desk.sync().is_nothing


def test_what_was_filed_there_and_landed_is_opened_when_it_is_found_again_and_a_persons_word_stands(desk: Desk) -> None:
    drafts = {Closing.LANDED: Draft("a", source="scout/a"), Closing.PERSON: Draft("b", source="scout/b")}
    with desk.syncing() as sync:
        known = {why: sync.file(draft) for why, draft in drafts.items()}
        for why, identity in known.items():
            desk.issues.close(identity, why, "")
        sync.run()
        for _ in range(120):  # more than one page
            desk.github.issue(desk.repo, "another")

        assert {why: sync.file(draft) for why, draft in drafts.items()} == known
        sync.run()

    assert there(desk, known[Closing.LANDED])["state"] == "open"
    assert there(desk, known[Closing.PERSON])["state"] == "closed"


# Limits, faults and enemies


@pytest.mark.parametrize(
    ("fault", "waited"),
    [
        (Fault(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON // 1000 + 600)}, LIMIT), 601),
        (Fault(429, {"retry-after": "30"}, LIMIT), 30),
        (Fault(403, {"retry-after": "90"}, b'{"message": "You have exceeded a secondary rate limit"}'), 90),
        (Fault(429, {}, LIMIT), 60),
        (Fault(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, LIMIT), 1),
    ],
)
def test_a_limit_is_waited_for_and_said(desk: Desk, fault: Fault, waited: int) -> None:
    identity = file_there(desk)
    desk.github.fail(fault, when=is_list)

    assert desk.sync().filed == (identity,)

    assert [round(seconds) for seconds in desk.time.slept] == [waited]
    assert desk.time.said[0].startswith("GitHub's limit is used up: waiting until 2026-03-01T1")


def test_a_limit_that_lasts_too_long_is_an_error_with_its_end_and_what_came_is_kept(desk: Desk) -> None:
    for number in range(150):
        file_there(desk, f"issue {number}")
    reset = str(NOON // 1000 + 7200)
    desk.github.fail(
        Fault(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}, LIMIT),
        when=lambda _method, path: path.startswith("/repositories/"),
    )

    with pytest.raises(WatchkeeperError, match="2026-03-01T14:00:01Z") as raised:
        desk.sync()

    assert raised.value.slug == "tracker-rate-limit"
    assert len(desk.state.issues) == 100
    desk.sync()
    assert len(desk.state.issues) == 150


@pytest.mark.parametrize(
    "headers", [{"retry-after": "tomorrow"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "x"}]
)
def test_a_limit_whose_end_makes_no_sense_is_an_error(desk: Desk, headers: dict[str, str]) -> None:
    desk.github.fail(Fault(403, headers, LIMIT), when=is_list)

    with pytest.raises(WatchkeeperError, match="headers cannot be read"):
        desk.sync()


@pytest.mark.parametrize("fault", [Fault(502, body=PAGE), Fault(503, body=b"<html>"), Fault(0, cuts=True)])
def test_a_fault_that_passes_is_not_noticed(desk: Desk, fault: Fault) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")
    desk.github.fail(fault, fault, fault, when=is_list)
    desk.github.fail(fault, fault, when=lambda method, _path: method == "PATCH")

    assert desk.sync().done_there == (identity,)

    assert desk.time.slept == [2, 4, 8, 2, 4]


@pytest.mark.parametrize("is_done", [False, True])
def test_what_makes_something_new_is_not_tried_twice_blindly(desk: Desk, is_done: bool) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.issues.comment(identity, "it hangs")
    desk.github.fail(Fault(502, body=PAGE, after=is_done), when=lambda method, _path: method == "POST")

    assert "502" in desk.sync().problems[0]
    assert desk.sync().problems == ()

    assert len(said_there(desk, identity)) == 1
    assert desk.sync().is_nothing


def test_a_server_that_stays_broken_is_an_error(desk: Desk) -> None:
    desk.github.fail(*[Fault(500, body=PAGE)] * 4)

    with pytest.raises(WatchkeeperError, match="500, Server Error") as raised:
        desk.sync()

    assert raised.value.slug == "tracker-failed"


@pytest.mark.parametrize(
    ("fault", "slug"),
    [
        (Fault(200, body=b"<html>login</html>"), "tracker-answer"),
        (Fault(200, body=b'[{"number": 1'), "tracker-answer"),
        (Fault(200, body=b"[" * 100_000), "tracker-answer"),
        (Fault(200, body=b'{"message": "no list"}'), "tracker-answer"),
        (Fault(200, body=b""), "tracker-answer"),
        (Fault(200, body=b" " * (MOST_ANSWER + 1)), "tracker-answer"),
        (Fault(200, {"content-encoding": "gzip"}, b"\x1f\x8b"), "tracker-answer"),
        (Fault(301, {"location": "https://evil.example.org/issues"}), "tracker-answer"),
        (Fault(200, {"link": '<https://evil.example.org/x>; rel="next"'}, b"[]"), "tracker-answer"),
        (Fault(401, body=b'{"message": "Bad credentials"}'), "tracker-refused"),
        (Fault(403, body=b'{"message": "Forbidden"}'), "tracker-refused"),
        (Fault(404, body=b"nothing"), "tracker-not-there"),
        (Fault(422, body=b'{"message": ["what"]}'), "tracker-failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.status}{value.body[:12]!r}",
)
def test_an_answer_that_makes_no_sense_is_an_error_that_changes_nothing(desk: Desk, fault: Fault, slug: str) -> None:
    identity = file_there(desk)
    desk.sync()
    before = desk.state
    desk.github.change(desk.repo, 1, title="changed")
    desk.github.fail(fault, when=is_list)

    with pytest.raises(WatchkeeperError) as raised:
        desk.sync()

    assert raised.value.slug == slug
    assert desk.state == before
    desk.sync()
    assert desk.state.issues[identity].issue.title == "changed"


def test_a_server_that_says_nothing_more_is_not_waited_for(desk: Desk) -> None:
    desk.time.timeout_s = 0.1
    desk.github.fail(*[Fault(200, body=b"[]", pause_s=60)] * 4, when=is_list)

    with pytest.raises(WatchkeeperError, match="no answer in time"):
        desk.sync()

    assert desk.time.slept == [2, 4, 8]


def test_an_answer_that_drips_for_ever_is_given_up(desk: Desk) -> None:
    desk.time.timeout_s = 0.05
    desk.github.fail(Fault(200, body=b" " * 100_000, pause_s=0.01), when=is_list)

    with pytest.raises(WatchkeeperError, match="does not come to an end"):
        desk.sync()


def test_pages_that_lead_in_a_circle_end(desk: Desk) -> None:
    circle = {"link": f'<{desk.github.url}/repositories/{desk.repo.id}/issues?page=2>; rel="next"'}
    desk.github.fail(*[Fault(200, circle, b"[]")] * 5, when=is_list)

    with pytest.raises(WatchkeeperError, match="no end"):
        desk.sync()


def test_one_issue_that_cannot_be_read_is_said_and_the_others_come(desk: Desk) -> None:
    good = file_there(desk)
    with desk.syncing() as sync:
        sync.run()
    told = desk.repo.issues[1]
    bad: list[object] = [
        7,
        {"number": 9, "title": None, "state": "open"},
        {"title": "x"},
        {**told, "state": "odd"},
        told,
    ]
    desk.github.fail(Fault(200, body=json.dumps([*bad, {**told, "number": 3, "labels": 5}]).encode()), when=is_list)

    report = desk.sync()

    assert report.problems == ("an issue is no object", "#9 has no title", "an issue has no number", "#1 has no state")
    assert report.filed == (ours(3),)
    assert good in desk.state.issues


def test_hostile_text_is_recorded_as_text_and_what_is_too_long_is_cut_and_says_so(desk: Desk) -> None:
    title = "\x1b[31m\u202eevil\u202c\r\nnext: rm -rf / \x00 " + "x" * 600
    identity = file_there(desk, title, "\x1b]0;x\x07# a\r\n" + "b" * 300_000, ["\x1b[1mred\n"])
    desk.github.say(desk.repo, 1, "\ud800 half \x1b[2J")

    desk.sync()

    own = desk.state.issues[identity]
    assert own.issue.title.isprintable()
    assert own.issue.title.startswith("[31m evil next: rm -rf /")
    assert len(own.issue.title) == 500
    assert own.issue.labels == ("[1mred",)
    assert own.issue.body.startswith("]0;x# a\nbbb")
    assert own.issue.body.endswith("(cut here: the rest is where it comes from)")
    assert own.comments[0].text.endswith(" half [2J")
    assert desk.sync().is_nothing


def test_a_renamed_repository_is_followed_and_said_and_its_issues_stay_the_same(desk: Desk) -> None:
    identity = file_there(desk)
    desk.sync()
    desk.github.rename(desk.repo, "new-org/store")
    desk.github.change(desk.repo, 1, title="changed")
    second = file_there(desk, "second")

    report = desk.sync()

    assert desk.time.said == ["octo-org/shop is called new-org/store now: change [tracker] github"]
    assert (report.filed, report.edited) == ((second,), (identity,))
    assert desk.state.issues[identity].issue.source == "https://github.example.org/new-org/store/issues/1"
    desk.issues.close(identity, Closing.LANDED, "as 1a2b3c4")
    assert desk.sync().done_there == (identity,)


def test_the_token_is_in_no_error_and_goes_to_no_other_host(desk: Desk) -> None:
    seen: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("authorization"))

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as other:
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        address = f"http://127.0.0.1:{other.server_address[1]}/repos/octo-org/shop/issues"
        for fault in (
            Fault(301, {"location": address}),
            Fault(200, {"link": f'<{address}>; rel="next"'}, b"[]"),
            Fault(403, body=json.dumps({"message": f"bad token {TOKEN}"}).encode()),
        ):
            desk.github.fail(fault, when=is_list)
            with pytest.raises(WatchkeeperError) as raised:
                desk.sync()
            assert TOKEN not in f"{raised.value.message} {raised.value.hint} {raised.value.facts} {raised.value!r}"
        other.shutdown()

    assert seen == []
    assert all(each.headers["authorization"].endswith(TOKEN) for each in desk.github.asked)


def test_a_server_that_is_not_there_is_an_error_with_its_address(tmp_path: Path) -> None:
    with serving() as github, open_desk(github, tmp_path) as desk:
        desk.github.url = "http://127.0.0.1:1"

        with pytest.raises(WatchkeeperError, match=r"cannot be reached at http://127\.0\.0\.1:1") as raised:
            desk.sync()

    assert raised.value.slug == "tracker-unreachable"
