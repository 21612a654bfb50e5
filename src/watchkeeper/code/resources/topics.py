"""Queues, topics, channels and tasks, by the names that code gives as string literals.

A declaration or a consumer that claims a name defines it (``Access.value``: with which arguments), sending writes it,
receiving reads it.
"""

from __future__ import annotations

import ast
import re

import msgspec

from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.resources.page import Page
from watchkeeper.code.resources.python_values import calls_in, compact, dotted, keyword_of, nodes_in, texts_of
from watchkeeper.code.resources.script_text import SUFFIXES, Script
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.resources import AccessMode, ResourceKind, ResourceReading

_HINTS = (b"celery", b"_task", b"actor", b"ueue", b"redis", b"afka", b"pubsub", b"create_topic", b".task(", b"amqp")
_DEFINE, _READ, _WRITE = AccessMode.DEFINE, AccessMode.READ, AccessMode.WRITE
# The last name of the call -> what it does, of which family of names, by which keyword; None: by position.
_CALLS: dict[str, tuple[AccessMode, str, str | None]] = {
    "send_task": (_WRITE, "task", None),
    "queue_declare": (_DEFINE, "queue", "queue"),
    "exchange_declare": (_DEFINE, "exchange", "exchange"),
    "basic_publish": (_WRITE, "queue", "routing_key"),
    "basic_consume": (_READ, "queue", "queue"),
    "create_queue": (_DEFINE, "queue", "QueueName"),
    "get_queue_url": (_READ, "queue", "QueueName"),
    "create_topic": (_DEFINE, "topic", "Name"),
    "NewTopic": (_DEFINE, "topic", "name"),
    "KafkaConsumer": (_READ, "topic", None),
    "AIOKafkaConsumer": (_READ, "topic", None),
    "KafkaProducer": (_WRITE, "topic", ""),
    "publish": (_WRITE, "channel", None),
    "subscribe": (_READ, "channel", None),
    "psubscribe": (_READ, "channel", None),
}
_MAKERS = re.compile(
    r"\b(?:new\s+(?P<make>Queue|Worker|QueueEvents|FlowProducer)(?:<[^>(]*>)?\s*\("
    r"|\w+\.(?P<call>assertQueue|assertExchange|sendToQueue|consume|publish|subscribe|createQueue)\s*\()\s*"
    r"(?:(?P<quote>['\"`])(?P<name>[^'\"`\n$]+)(?P=quote)|(?P<computed>[A-Za-z_$][\w$.]*))"
)
_KAFKA = re.compile(r"\.\s*(send|subscribe)\(\s*\{\s*topic\s*:\s*['\"]([^'\"\n]+)['\"]")
_SCRIPTED = {
    "Queue": (_WRITE, "queue"), "QueueEvents": (_READ, "queue"), "Worker": (_READ, "queue"),
    "assertQueue": (_DEFINE, "queue"), "assertExchange": (_DEFINE, "exchange"), "createQueue": (_DEFINE, "queue"),
    "sendToQueue": (_WRITE, "queue"), "consume": (_READ, "queue"), "publish": (_WRITE, "channel"),
    "subscribe": (_READ, "channel"),
}  # fmt: skip


class TopicExtractor(msgspec.Struct, frozen=True):
    """See the module."""

    kind: ResourceKind = ResourceKind.TOPIC

    def wants(self, path: str, /) -> bool:
        return path.endswith((".py", *SUFFIXES))

    def extract(self, path: str, source: bytes, tree: SourceTree, /) -> ResourceReading:
        page = Page(self.kind, path, source, tree)
        if any(hint in source for hint in _HINTS):
            if path.endswith(".py"):
                _python(page)
            else:
                _script(page)
        return page.reading()


def _python(page: Page) -> None:
    tree = parse_source(page.source).tree
    if tree is None:
        page.miss(0, "the file does not parse")
        return
    for node in nodes_in(tree):
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ():
            is_task = isinstance(decorator, ast.Call) and dotted(decorator.func).rpartition(".")[2] in _TASKS
            name = keyword_of(decorator, "name") if is_task and isinstance(decorator, ast.Call) else None
            if name is not None:
                _named(page, name, decorator.lineno, (_DEFINE, "task"), "")
    is_broker = any(hint in page.source for hint in (b"redis", b"pika", b"kafka", b"channel", b"pubsub", b"broker"))
    for call in calls_in(tree):
        row = _CALLS.get(dotted(call.func).rpartition(".")[2])
        if row is None or (row[1] == "channel" and not is_broker):
            continue
        mode, family, keyword = row
        node_name = keyword_of(call, keyword) if keyword else None
        if node_name is None and keyword != "" and call.args:
            node_name = call.args[0]
        if node_name is not None:
            _named(page, node_name, call.lineno, (mode, family), _arguments(call) if mode is _DEFINE else "")


_TASKS = frozenset({"task", "shared_task", "actor", "periodic_task"})


def _arguments(call: ast.Call) -> str:
    """What a declaration says beside the name: two that differ cannot both hold."""
    rest = [compact(node) for node in call.args[1:]]
    named = [f"{keyword.arg}={compact(keyword.value)}" for keyword in call.keywords if keyword.arg]
    return " ".join([*rest, *sorted(each for each in named if not each.startswith(("queue=", "exchange=", "Name=")))])


def _named(page: Page, name: ast.expr, line: int, what: tuple[AccessMode, str], value: str) -> None:
    texts = texts_of(name)
    if texts is None:
        page.miss(line, f"the {what[1]}'s name is computed: {compact(name)}")
    for text in texts or ():
        if text:
            page.add(f"{what[1]} {text}", what[0], line, value=value)


def _script(page: Page) -> None:
    script = Script(page.text)
    is_broker = any(hint in page.source for hint in (b"bull", b"amqp", b"redis", b"kafka"))
    for match in script.find(_MAKERS) if is_broker else ():
        mode, family = _SCRIPTED[match["make"] or match["call"]] if match["make"] != "FlowProducer" else (_WRITE, "")
        line = page.line_at(match.start())
        if match["name"] is None:
            page.miss(line, f"the {family}'s name is computed: {match['computed']}")
        elif family:
            page.add(f"{family} {match['name']}", mode, line)
    for match in script.find(_KAFKA):
        mode = _WRITE if match[1] == "send" else _READ
        page.add(f"topic {match[2]}", mode, page.line_at(match.start()))


EXTRACTOR = TopicExtractor()
