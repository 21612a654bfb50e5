"""An answer is found once for all trees that say the same wherever it was looked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.memory import Memory, RememberingTree, recall
from watchkeeper.code.tree import MemoryTree, SourceTree

FILES = {
    "shop/__init__.py": b"",
    "shop/model.py": b"class Model: pass\n",
    "shop/view.py": b"from shop.model import Model\nclass View(Model): pass\n",
    "shop/other.py": b"number = 1\n",
}


class Counted:
    """Looks at a tree, and counts how often."""

    def __init__(self, look: Callable[[SourceTree], object]) -> None:
        self.look = look
        self.times = 0

    def __call__(self, tree: SourceTree) -> object:
        self.times += 1
        return self.look(tree)

    def ask(self, memory: Memory, changed: dict[str, bytes | None] | None = None) -> object:
        """The answer for ``FILES`` with some of them changed."""
        files = {**FILES, **(changed or {})}
        tree = MemoryTree({path: text for path, text in files.items() if text is not None})
        return recall(RememberingTree(tree, memory), "question", self, lambda _answer: 1)


def source_of_model(tree: SourceTree) -> object:
    return tree.source("shop/model.py")


def classes_of_model(tree: SourceTree) -> object:
    table = tree.index.find_table("shop/model.py")
    return sorted(table.symbols) if table is not None else None


def is_there(tree: SourceTree) -> object:
    return "shop/more.py" in tree.index.paths


def may_be_meant(tree: SourceTree) -> object:
    return "shop/more" in tree.index.stems


def module(tree: SourceTree) -> object:
    return tree.index.modules.get("shop.more")


def all_modules(tree: SourceTree) -> object:
    return sorted(tree.index.modules)


def members(tree: SourceTree) -> object:
    return list(tree.index.definers("get"))


def aliases(tree: SourceTree) -> object:
    return dict(tree.index.aliases)


def heirs(tree: SourceTree) -> object:
    return list(tree.index.derivers("Model"))


def all_paths(tree: SourceTree) -> object:
    return sorted(tree.index.paths)


def reading_of_model(tree: SourceTree) -> object:
    reading = tree.reading("shop/model.py")
    return [symbol.qualname for symbol in reading.symbols] if reading is not None else None


LOOKS: tuple[tuple[Callable[[SourceTree], object], dict[str, bytes | None]], ...] = (
    (source_of_model, {"shop/model.py": b"class Model: size = 1\n"}),
    (source_of_model, {"shop/model.py": None}),
    (classes_of_model, {"shop/model.py": b"class Other: pass\n"}),
    (reading_of_model, {"shop/model.py": b"class Other: pass\n"}),
    (is_there, {"shop/more.py": b""}),
    (may_be_meant, {"shop/more.py": b""}),
    (module, {"shop/more.py": b""}),
    (all_modules, {"shop/more.py": b""}),
    (members, {"shop/view.py": b"class View:\n    def get(self): pass\n"}),
    (aliases, {"tsconfig.json": b'{"compilerOptions": {"paths": {"@/*": ["./lib/*"]}}}'}),
    (heirs, {"shop/view.py": b""}),
    (heirs, {"shop/more.py": b"from shop.model import Model\nclass More(Model): pass\n"}),
    (all_paths, {"shop/more.py": b""}),
)


@pytest.mark.parametrize(("look", "changed"), LOOKS)
def test_what_was_looked_at_has_changed_and_is_looked_at_anew(
    look: Callable[[SourceTree], object], changed: dict[str, bytes | None]
) -> None:
    memory, counted = Memory(), Counted(look)

    answers = [counted.ask(memory), counted.ask(memory, changed)]

    assert counted.times == 2
    assert answers[0] != answers[1]
    assert [counted.ask(memory), counted.ask(memory, changed)] == answers, "both are kept"
    assert counted.times == 2


@pytest.mark.parametrize("look", sorted({look for look, _ in LOOKS}, key=lambda look: look.__name__))
def test_what_nobody_looked_at_has_changed_and_the_answer_is_given_again(look: Callable[[SourceTree], object]) -> None:
    memory, counted = Memory(), Counted(look)

    answers = [counted.ask(memory), counted.ask(memory, {"shop/other.py": b"number = 2\n"}), counted.ask(memory)]

    assert counted.times == 1
    assert answers[0] == answers[1] == answers[2]


def test_an_answer_holds_as_long_as_the_remembered_answers_do_that_it_rests_on() -> None:
    def length_of_model(tree: SourceTree) -> object:
        return len(repr(recall(tree, "inner", source_of_model, lambda _answer: 1)))

    memory, counted = Memory(), Counted(length_of_model)
    inner = RememberingTree(MemoryTree(FILES), memory)
    recall(inner, "inner", source_of_model, lambda _answer: 1)

    before = counted.ask(memory)

    assert counted.ask(memory, {"shop/other.py": b""}) == before
    assert counted.times == 1
    assert counted.ask(memory, {"shop/model.py": b"class Model: size = 1\n"}) != before
    assert counted.times == 2


def test_a_memory_forgets_the_oldest_and_stays_within_its_bound() -> None:
    memory = Memory(most_weight=100)
    tree = RememberingTree(MemoryTree(FILES), memory)
    asked: list[int] = []

    def ask(number: int) -> None:
        recall(tree, number, lambda _tree: asked.append(number), lambda _answer: 9)

    for number in range(50):
        ask(number)
    ask(49)
    ask(0)

    assert asked == [*range(50), 0], "the latest was remembered, the oldest was not"


def test_an_answer_heavier_than_the_whole_memory_is_given_and_not_kept() -> None:
    memory, counted = Memory(most_weight=1), Counted(all_paths)

    assert counted.ask(memory) == counted.ask(memory) == sorted(FILES)
    assert counted.times == 2


def test_a_function_of_contents_is_asked_once_for_equal_bytes_within_its_bound() -> None:
    asked: list[bytes] = []

    @kept_by_content(100)
    def length(source: bytes) -> int:
        asked.append(source)
        return len(source)

    assert [length(b"a" * 30), length(bytes(bytearray(b"a" * 30))), length(b"b" * 30)] == [30, 30, 30]
    assert asked == [b"a" * 30, b"b" * 30]
    length(b"a" * 30)
    length(b"c" * 60)  # together more than 100: the oldest go
    length(b"b" * 30)
    assert asked == [b"a" * 30, b"b" * 30, b"c" * 60, b"b" * 30]
