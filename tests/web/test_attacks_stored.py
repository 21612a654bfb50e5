"""What agents, issues, branches, diffs and people write is text on every page, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import httpx2 as httpx
import pytest

from accessworld import Served, plant, real_room, served, texts
from watchkeeper.web.access import guard
from watchkeeper.web.access.limits import Rate
from watchkeeper.web.app import make_app
from watchkeeper.web.sitemap import PAGES, find_page

MARKER = "zqxj"
"""In every payload, so that whatever comes of it is known again."""
PAYLOADS = (
    f"<script>{MARKER}(1)</script>",
    f'"><img src=x onerror={MARKER}(1)>',
    f"'><svg/onload={MARKER}(1)>",
    f"</title></style></textarea></script><{MARKER}>",
    f"javascript:{MARKER}(1)",
    f"--><{MARKER}><!--",
    f"{{{{ {MARKER} }}}}{{% {MARKER} %}}",
    f'" autofocus onfocus={MARKER}(1) x="',
    f"]]><{MARKER}>\u2028</p><a href=//{MARKER}.example>",
    f"\r\nSet-Cookie: {MARKER}=1\r\n\r\n<{MARKER}>",
    f"data: {MARKER}\n\nevent: {MARKER}\ndata: <{MARKER}>\n\n",
)
NAMES = f"\"'><img/src=x/onerror={MARKER}(1)>"
"""What a branch may be called, as far as git is asked."""


class Seen(HTMLParser):
    """What a browser would make of a page: elements, attributes, and which of them came out of a payload."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.bad: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        if MARKER in tag or (tag == "script" and not dict(attrs).get("src", "").startswith("/static/")):
            self.bad.append(f"<{tag} {attrs}>")
        for name, value in attrs:
            if MARKER in name or name.startswith("on") or name == "style":
                self.bad.append(f"<{tag} {name}={value!r}>")
            if name in {"href", "src", "action", "formaction", "data", "poster", "xlink:href", "hx-get", "hx-post"}:
                self.links.append((value or "").strip())

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] in {"script", "style"}:
            self.bad.append(f"<{self._inside[-1]}>{data[:80]}")
        self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            del self._inside[len(self._inside) - 1 - self._inside[::-1].index(tag) :]

    def handle_comment(self, data: str) -> None:
        if MARKER in data and not re.fullmatch(r"[\w -]*", data, re.ASCII):  # a row's name has its signs spelled out
            self.bad.append(f"<!--{data[:80]}")


def look(page: str) -> Seen:
    seen = Seen()
    seen.feed(page)
    seen.close()
    for link in seen.links:
        if not re.match(r"(?:/(?![/\\])|#|\?|data:image/|https://(?!\S*zqxj\S*\.example)|$)", link):
            seen.bad.append(link)
    return seen


@pytest.fixture(scope="module", params=range(len(PAYLOADS)))
def poisoned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "PERSONS", Rate(1_000_000, 60))
        events = plant(PAYLOADS[request.param], NAMES)
        folder = tmp_path_factory.mktemp("stored")
        with served(folder, events=events, make_app=make_app, make_room=real_room) as running:
            yield running


_OF_EACH = 6


def pages_of(room: Served, client: httpx.Client) -> Iterator[tuple[str, httpx.Response]]:
    """Every page of ours, and every page that these lead to; of many that one maker makes, some."""
    waiting = [page.path for page in PAGES if "{" not in page.path]
    seen: set[str] = set()
    made: Counter[str] = Counter()
    while waiting:
        path = waiting.pop(0)
        assert path.isprintable(), f"a link that was not quoted: {path!r}"
        if path in seen or not path.startswith("/") or path.startswith("/static"):
            continue
        seen.add(path)
        found = find_page(unquote(urlsplit(path).path))
        maker = found[0].maker if found is not None else urlsplit(path).path
        made[maker] += 1
        if made[maker] > _OF_EACH:
            continue
        answer = client.get(path)
        yield path, answer
        if "html" in answer.headers.get("content-type", ""):
            waiting += [each for each in look(answer.text).links if "/live" not in each]


def test_whatever_was_planted_is_text(poisoned: Served) -> None:
    shown = 0
    with poisoned.logged_in() as client:
        for path, answer in pages_of(poisoned, client):
            assert answer.status_code < 500, f"{path}: {answer.text[:2000]}"
            assert "set-cookie" not in answer.headers
            seen = look(answer.text)
            assert not seen.bad, f"{path}: {seen.bad[:5]}"
            shown += MARKER in "".join(seen.text)

    assert shown >= 3, "the payload has to be on some pages, else nothing was tried"


def test_the_api_gives_it_as_text_of_json_alone(poisoned: Served) -> None:
    with poisoned.program() as client:
        answer = client.get("/api/v1/events", params={"limit": 500})

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert any(MARKER in each for each in texts(answer.json()))


def test_the_look_sees_what_it_looks_for() -> None:
    """A twin: put raw into a page, every payload that can do harm there is seen."""
    harmful = [each for each in PAYLOADS if "<" in each and not each.startswith("data:")]
    for payload in harmful:
        assert look(f'<p title="{payload}">{payload}</p>').bad, payload
    assert look(f'<a href="{PAYLOADS[4]}">x</a>').bad
    assert look(f'<a href="//{MARKER}.example">x</a>').bad
    assert not look('<p class="a">x</p><a href="/x">y</a><script src="/static/x.js"></script>').bad


def test_live_rows_are_text_too(poisoned: Served) -> None:
    with poisoned.logged_in() as client, client.stream("GET", "/live", params={"at": "/conflicts"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for chunk in answer.iter_bytes():
            for line in chunk.decode().splitlines():
                assert re.match(r"(?:event: [a-z-]+|id: \d+|data: |retry: \d+|:|$)", line), line
            break
