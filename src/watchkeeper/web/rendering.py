"""Pages as HTML: templates with autoescape on, each text freed of secrets, states and moments in one way everywhere."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from watchkeeper.database.wait_graph import render_svg
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Incident
from watchkeeper.model.redaction import redact
from watchkeeper.review.words import counted, short
from watchkeeper.web.pages.asking import Answer, Asking
from watchkeeper.web.words import SHAPES, Look, ago, grave, iso, lasted, look_of, moment, shape_svg

_CACHED_TEXTS = 65_536
_LIVE = re.compile(r"<!--live (\S+) in (\S*)-->(.*?)<!--end \1-->", re.DOTALL)
_TIMES = re.compile(r"(<time [^>]*>)[^<]*(</time>)")

NAVIGATION = (
    ("needs", "/", "Needs you", "n"),
    ("fleet", "/fleet", "Fleet", "f"),
    ("conflicts", "/conflicts", "Conflicts", "c"),
    ("queue", "/queue", "Queue", "q"),
    ("incidents", "/incidents", "Incidents", "i"),
    ("brief", "/brief", "Brief", "b"),
    ("changes", "/changes", "Read first", "r"),
    ("decisions", "/decisions", "Decisions", "d"),
    ("log", "/log", "Work logs", "l"),
    ("numbers", "/numbers", "Numbers", "u"),
    ("rules", "/rules", "Rules", "w"),
    ("scouts", "/scouts", "Scouts", "v"),
    ("standards", "/standards", "Standards", "t"),
    ("events", "/events", "Record", "e"),
    ("settings", "/settings", "Settings", "s"),
    ("doctor", "/doctor", "Doctor", "o"),
)
"""All pages that stand in the navigation: name, path, words, and the key after ``g``."""


class Fragment(NamedTuple):
    """A part of a page that is kept current by itself. ``region`` is the list that it is a row of; ``""``: of none."""

    id: str
    region: str
    html: str
    digest: str


class Renderer:
    """Thread-safe; one for an app."""

    def __init__(self, zone: dt.tzinfo) -> None:
        self._zone = zone
        self._environment = _make_environment(zone)

    def render(self, asking: Asking, answer: Answer, **more: Any) -> str:
        """The whole page, or what of it is live. ``more`` belongs to one viewer: ``csrf``, ``said``."""
        template = self._environment.get_template(answer.template)
        needs = asking.room.needs(asking.picture)
        context: dict[str, Any] = {
            "answer": answer,
            "navigation": NAVIGATION,
            "now": asking.now,
            "seq": asking.picture.seq,
            "absences": tuple(asking.room.absences(asking.picture).values()),
            "needs_count": len(needs),
            "may_act": asking.may_act,
            "query": dict(asking.query),
            "project_names": tuple(asking.picture.projects),
            **answer.context,
            **more,
        }
        return template.render(context)


def find_fragments(html: str) -> tuple[Fragment, ...]:
    """Everything that is live in a rendered page, in its order. The words of moments do not count as a difference."""
    return tuple(
        Fragment(identity, region, text.strip(), _TIMES.sub(r"\1\2", text))
        for identity, region, text in _LIVE.findall(html)
    )


def _make_environment(zone: dt.tzinfo) -> Environment:
    found = Environment(
        loader=PackageLoader("watchkeeper.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )

    def when(at: Millis, now: Millis) -> Markup:
        return Markup('<time datetime="{}" data-at="{}" title="{}">{}</time>').format(
            iso(at, zone), at, moment(at, zone), ago(at, now)
        )

    found.filters.update(
        when=when,
        moment=lambda at: moment(at, zone),
        lasted=lasted,
        short=short,
        path=lambda text: quote(str(text), safe=""),
        state=_state,
        anchor=anchor,
        wait_graph=_wait_graph,
    )
    found.globals.update(look_of=look_of, grave=grave, counted=counted, link=_link, mark=_mark)
    return found


def anchor(text: str) -> str:
    """An id of an element, made of any text; the same for the same text."""
    return "r-" + re.sub(r"[^A-Za-z0-9]", lambda found: f"_{ord(found[0]):x}", text)


def _clean(value: Any) -> Any:
    """What every expression of a template goes through: no secret in a text, whoever wrote it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _redacted(value)
    return "" if value is None else value


@lru_cache(_CACHED_TEXTS)
def _redacted(text: str) -> str:
    return redact(text)


def _state(value: object, word: str = "") -> Markup:
    look: Look = look_of(value)
    return _mark(look.hue, look.shape, word or look.word)


def _mark(hue: str, shape: str, word: str) -> Markup:
    return Markup('<span class="state {}">{}<span>{}</span></span>').format(hue, _SHAPES[shape], word)


_SHAPES = {each: Markup(shape_svg(each)) for each in SHAPES}  # noqa: S704 our own drawings


def _wait_graph(incident: Incident) -> Markup:
    return Markup(redact(render_svg(incident)))  # noqa: S704 escaped where it is drawn


def _link(path: str, query: Mapping[str, str], **more: object) -> str:
    """A path with the query of now, changed: what is empty is left out."""
    wanted = {**query, **{key: str(value) for key, value in more.items()}}
    kept = {key: value for key, value in wanted.items() if value and key != "said"}
    return f"{path}?{urlencode(kept)}" if kept else path


def escaped(text: str) -> Markup:
    """A text inside a drawing that Python makes: without secrets, and inert."""
    return escape(_redacted(text))
