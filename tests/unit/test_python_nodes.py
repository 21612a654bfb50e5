"""All nodes of a syntax tree, as Python's own walk gives them."""

from __future__ import annotations

import ast
import inspect

import pytest

from watchkeeper.code.python_source import nodes as walked
from watchkeeper.code.python_source.nodes import nodes_of, statements_of

EVERYTHING = '''
"""Doc."""
import a.b as c
from . import d as e

@c.mark(1)
class One(c.Two, metaclass=e):
    x: int = 1
    async def go(self, /, a, *b, k=lambda q: q + 1, **d) -> "None":
        async with a as f, b:
            await f
        async for i in b:
            yield i
        else:
            "text"
        return

def two():
    global g
    try:
        raise ValueError(f"{g!r:>{3}}") from None
    except (KeyError, e.X) as error:
        del error
    else:
        pass
    finally:
        assert g, "text"
    match g:
        case {"a": [1, *rest], **more} if rest:
            "text"
        case c.One(x=1) as one | None:
            print(one)
        case _:
            nonlocal_ = [x for x in (y := g) if not x for z in x]
    while a[1:2, ...]:
        g += -1 if a < b <= 1 else {**a, 1: 2}[1]
        break
    return {*a}, (b for b in c)
'''


@pytest.mark.parametrize("text", [EVERYTHING.replace("as one | None", "as one"), inspect.getsource(walked)])
def test_it_gives_every_node_in_the_order_of_the_standard_walk(text: str) -> None:
    tree = ast.parse(text)

    expected = [node for node in ast.walk(tree) if not isinstance(node, ast.expr_context)]

    assert nodes_of(tree) == expected
    assert set(statements_of(tree)) == {node for node in expected if isinstance(node, ast.stmt)}
    assert len(statements_of(tree)) == len(set(statements_of(tree))) > 10


def test_a_single_name_is_all_of_it() -> None:
    name = ast.parse("name", mode="eval").body

    assert nodes_of(name) == [name]
