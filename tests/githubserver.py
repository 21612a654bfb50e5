"""A GitHub on this machine: the part that trackers need, on real sockets. What it is asked and what it answers is
checked against GitHub's published description, so that it cannot drift from it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from openapi import Description, Operation

DESCRIPTION = Description(Path(__file__).parent / "githubapi" / "description.json")
TOKEN = "ghp_0123456789secret"
START = dt.datetime(2026, 3, 1, 12, 0, 0, tzinfo=dt.UTC)

_ISSUES = "/repos/{owner}/{repo}/issues"
_ISSUE = f"{_ISSUES}/{{issue_number}}"
_COMMENTS = f"{_ISSUE}/comments"
_BLOCKED_BY = f"{_ISSUE}/dependencies/blocked_by"


class Asked(NamedTuple):
    """A question that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int
    pause_s: float = 0.0


class Fault(NamedTuple):
    """An answer that is given instead of the right one, unchecked. ``after``: what was asked is done all the same."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b"{}"
    after: bool = False
    cuts: bool = False  # the connection ends without an answer
    pause_s: float = 0.0  # between two bytes of the answer


class Repo:
    """A repository with its issues and comments, as the API has them."""

    def __init__(self, number: int, name: str) -> None:
        self.id, self.name = number, name
        self.issues: dict[int, dict[str, Any]] = {}
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.blocked_by: dict[int, list[dict[str, Any]]] = {}
        self.moved: dict[int, str] = {}


class GitHubServer:
    """Serves until its context ends. Change its repositories as people would; ``asked`` has what it was asked."""

    def __init__(self) -> None:
        self.repos: list[Repo] = []
        self.former: dict[str, Repo] = {}
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self.faults: list[tuple[Callable[[str, str], bool], Fault]] = []
        self._seconds = 0
        self._lock = threading.RLock()
        self._next_id = 1000
        self.url = ""
        self.over = threading.Event()

    def repo(self, name: str) -> Repo:
        """A new repository."""
        self.repos.append(Repo(40 + len(self.repos), name))
        return self.repos[-1]

    def rename(self, repo: Repo, name: str) -> None:
        """It has another name; the old one leads to it."""
        self.former[repo.name.casefold()] = repo
        repo.name = name
        for number, issue in repo.issues.items():
            issue.update(self._addresses(repo, number))

    def fail(self, *faults: Fault, when: Callable[[str, str], bool] = lambda _method, _path: True) -> None:
        """Answer the next matching questions so, one fault each."""
        self.faults += [(when, fault) for fault in faults]

    def issue(self, repo: Repo, title: object, body: object = "", labels: list[str] | None = None) -> int:
        """Somebody files an issue."""
        number = max(repo.issues, default=0) + 1
        made = DESCRIPTION.example("issue") | self._addresses(repo, number)
        made = {key: value for key, value in made.items() if key not in ("pull_request", "closed_by")}
        now = self.tick()
        made |= {
            "number": number, "id": self._id(), "title": title, "body": body, "state": "open", "state_reason": None,
            "labels": [self._label(name) for name in labels or []], "comments": 0, "created_at": now,
            "updated_at": now, "closed_at": None, "locked": False,
        }  # fmt: skip
        repo.issues[number], repo.comments[number] = made, []
        return number

    def pull(self, repo: Repo, title: str) -> int:
        """Somebody opens a pull request."""
        number = self.issue(repo, title)
        address = f"{self.url}/repos/{repo.name}/pulls/{number}"
        repo.issues[number]["pull_request"] = {"url": address, "html_url": address, "diff_url": "", "patch_url": ""}
        return number

    def change(self, repo: Repo, number: int, **values: object) -> None:
        """Somebody changes an issue: its title, body, state, labels (by name)."""
        issue = repo.issues[number]
        if "labels" in values:
            values["labels"] = [self._label(str(name)) for name in values["labels"]]  # type: ignore[attr-defined]
        if values.get("state") == "closed" and issue["state"] != "closed":
            issue |= {"closed_at": self.tick(), "state_reason": "completed"}
        if values.get("state") == "open":
            issue |= {"closed_at": None, "state_reason": "reopened"}
        issue |= {**values, "updated_at": self.tick()}

    def say(self, repo: Repo, number: int, text: str, login: str = "octocat") -> None:
        """Somebody comments."""
        made = DESCRIPTION.example("issue-comment")
        now = self.tick()
        made |= {"id": self._id(), "body": text, "created_at": now, "updated_at": now}
        made["user"] |= {"login": login}
        repo.comments[number].append(made)
        repo.issues[number] |= {"comments": len(repo.comments[number]), "updated_at": now}

    def block(self, repo: Repo, number: int, *by: tuple[Repo, int]) -> None:
        """Somebody says that an issue is blocked by others."""
        repo.blocked_by[number] = [{"repo": where, "number": other} for where, other in by]
        self.change(repo, number)

    def tick(self) -> str:
        """The time, a second later."""
        self._seconds += 1
        return (START + dt.timedelta(seconds=self._seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, dict[str, str], bytes] | None:
        """The answer to a question; None: the connection is cut."""
        with self._lock:
            split = urlsplit(target)
            query = dict(parse_qsl(split.query))
            body = json.loads(raw) if raw else None
            fault = self._fault(method, split.path)
            asked = Asked(
                method,
                split.path,
                query,
                dict(headers),
                body,
                fault.status if fault else 0,
                fault.pause_s if fault else 0.0,
            )
            if fault is None or fault.after:
                status, more, found = self._right(method, split.path, query, headers, body)
                if fault is None:
                    self.asked.append(asked._replace(status=status))
                    return status, more, b"" if status == 304 else json.dumps(found).encode()
            self.asked.append(asked)
            return None if fault.cuts else (fault.status, dict(fault.headers), fault.body)

    def _fault(self, method: str, path: str) -> Fault | None:
        for index, (when, fault) in enumerate(self.faults):
            if when(method, path):
                del self.faults[index]
                return fault
        return None

    def _right(
        self, method: str, path: str, query: dict[str, str], headers: Mapping[str, str], body: Any
    ) -> tuple[int, dict[str, str], Any]:
        repo, own_path = self._find_repo(path)
        if repo is None:
            return 404, {}, self._error("Not Found")
        if own_path is None:
            rest = path.split("/", 4)[4:]
            return 301, {"Location": f"{self.url}/repositories/{repo.id}{''.join(f'/{each}' for each in rest)}"}, {
                **self._error("Moved Permanently"), "url": f"{self.url}/repositories/{repo.id}"
            }  # fmt: skip
        operation = DESCRIPTION.find(method, own_path)
        if operation is None:
            self.violations.append(f"{method} {path} is not in the description")
            return 404, {}, self._error("Not Found")
        self.violations += DESCRIPTION.faults_of_question(operation, query, body)
        token = headers.get("authorization", "")
        if token not in ("", f"token {TOKEN}", f"Bearer {TOKEN}"):
            return 401, {}, self._error("Bad credentials")
        if method != "GET" and not token:
            return 401, {}, self._error("Requires authentication")
        status, more, found = self._do(operation, repo, query, body)
        etag = f'W/"{hashlib.sha256(json.dumps(found).encode()).hexdigest()}"'
        if method == "GET" and status == 200:
            more["ETag"] = etag
            if headers.get("if-none-match") == etag:
                return 304, more, None
        self.violations += DESCRIPTION.faults_of_answer(operation, status, found)
        return status, more, found

    def _find_repo(self, path: str) -> tuple[Repo | None, str | None]:
        """The repository, and the path by its name; None where the name is a former one."""
        parts = path.split("/")
        if parts[1] == "repositories":
            repo = next((each for each in self.repos if str(each.id) == parts[2]), None)
            return repo, "/".join(["/repos", repo.name, *parts[3:]]) if repo else None
        name = "/".join(parts[2:4]).casefold()
        repo = next((each for each in self.repos if each.name.casefold() == name), None)
        return (repo, path) if repo else (self.former.get(name), None)

    def _do(
        self, operation: Operation, repo: Repo, query: dict[str, str], body: Any
    ) -> tuple[int, dict[str, str], Any]:
        number = int(operation.values.get("issue_number", "0"))
        if number and number not in repo.issues:
            return (
                (410, {}, self._error("This issue was deleted"))
                if number in repo.moved
                else (404, {}, self._error("Not Found"))
            )
        match operation.method, operation.path:
            case "GET", "/repos/{owner}/{repo}":
                return 200, {}, self._repository(repo)
            case "GET", path if path == _ISSUES:
                return self._page(repo, "/issues", self._listed(repo, query), query)
            case "POST", path if path == _ISSUES:
                made = self.issue(repo, body["title"], body.get("body"), body.get("labels"))
                return 201, {}, self._shown(repo, made)
            case "GET", path if path == _ISSUE:
                return 200, {}, self._shown(repo, number)
            case "PATCH", path if path == _ISSUE:
                self.change(repo, number, **{key: value for key, value in body.items() if key != "state_reason"})
                repo.issues[number]["state_reason"] = body.get("state_reason")
                return 200, {}, self._shown(repo, number)
            case "GET", path if path == _COMMENTS:
                return self._page(repo, f"/issues/{number}/comments", repo.comments[number], query)
            case "POST", path if path == _COMMENTS:
                self.say(repo, number, body["body"], "watchkeeper-bot")
                return 201, {}, repo.comments[number][-1]
            case "GET", path if path == _BLOCKED_BY:
                found = [self._shown(each["repo"], each["number"]) for each in repo.blocked_by.get(number, [])]
                return self._page(repo, f"/issues/{number}/dependencies/blocked_by", found, query)
        raise AssertionError(operation.path)

    def _listed(self, repo: Repo, query: dict[str, str]) -> list[dict[str, Any]]:
        state, since = query.get("state", "open"), query.get("since", "")
        found = [self._shown(repo, number) for number in repo.issues]
        found = [each for each in found if state in ("all", each["state"]) and each["updated_at"] >= since]
        key = {"updated": "updated_at", "created": "created_at"}[query.get("sort", "created")]
        found.sort(key=lambda each: (each[key], each["number"]), reverse=query.get("direction", "desc") == "desc")
        return found

    def _page(
        self, repo: Repo, path: str, found: list[dict[str, Any]], query: dict[str, str]
    ) -> tuple[int, dict[str, str], Any]:
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        headers = {}
        if page * size < len(found):
            more = urlencode({**query, "page": page + 1})
            headers["Link"] = f'<{self.url}/repositories/{repo.id}{path}?{more}>; rel="next"'
        return 200, headers, found[(page - 1) * size : page * size]

    def _shown(self, repo: Repo, number: int) -> dict[str, Any]:
        by = repo.blocked_by.get(number, [])
        still = [each for each in by if each["repo"].issues[each["number"]]["state"] == "open"]
        counts = {"blocked_by": len(still), "blocking": 0, "total_blocked_by": len(by), "total_blocking": 0}
        return {**repo.issues[number], "issue_dependencies_summary": counts}

    def _repository(self, repo: Repo) -> dict[str, Any]:
        owner, _, name = repo.name.partition("/")
        found = DESCRIPTION.example("full-repository-default-response") | {"language": "Python"}  # the example lacks it
        found = {key: value for key, value in found.items() if key not in ("source", "parent", "template_repository")}
        return {
            **found,
            "id": repo.id,
            "name": name,
            "full_name": repo.name,
            "owner": {**found["owner"], "login": owner},
        }

    def _addresses(self, repo: Repo, number: int) -> dict[str, str]:
        here = f"{self.url}/repos/{repo.name}"
        return {
            "url": f"{here}/issues/{number}",
            "repository_url": here,
            "html_url": f"https://github.example.org/{repo.name}/issues/{number}",
        }

    def _label(self, name: str) -> dict[str, Any]:
        return {
            "id": self._id(), "node_id": "x", "url": f"{self.url}/labels/x", "name": name, "description": None,
            "color": "f29513", "default": False,
        }  # fmt: skip

    def _error(self, message: str) -> dict[str, Any]:
        return {"message": message, "documentation_url": "https://docs.github.com/rest", "status": "400"}

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id


@contextmanager
def serving() -> Iterator[GitHubServer]:
    """A server that runs until the end of the context, and has then neither been asked nor answered anything wrong."""
    github = GitHubServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            found = github.answer(self.command, self.path, headers, raw)
            if found is None:
                self.close_connection = True
                return
            status, more, body = found
            self.send_response(status)
            for key, value in more.items():
                self.send_header(key, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            pause = github.asked[-1].pause_s
            for start in range(0, len(body), 1 if pause else max(1, len(body))):
                if pause and github.over.wait(pause):
                    return
                try:
                    self.wfile.write(body[start : start + 1] if pause else body)
                except OSError:  # whoever asked has gone
                    return

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer  # noqa: N815 the library calls them so

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        github.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield github
        finally:
            github.over.set()
            server.shutdown()
            thread.join()
    assert not github.violations, "\n".join(dict.fromkeys(github.violations))
