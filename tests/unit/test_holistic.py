"""A day's changes as one graph: each kind of link, and its twin that is none."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from reviewworld import NOON, World, point
from watchkeeper.model.events import CloseReason, ConflictClosed
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.review import DecisionKind
from watchkeeper.review.graph_svg import draw_graph
from watchkeeper.review.holistic import DayGraph, LinkKind, Rewritings, describe_graph, make_graph


def graph_of(world: World, rewritings: Rewritings | None = None) -> DayGraph:
    return make_graph(world.look(), NOON, Millis(world.now + 1), rewritings)


def kinds(graph: DayGraph) -> list[LinkKind]:
    return [each.kind for each in graph.links]


def test_changes_that_have_nothing_in_common_are_not_linked() -> None:
    world = World("shop", "blog")
    world.land("shop", "a", writes=("a.py:f",), reads=("a.py:g",), resources=("table:a",), digests=("1",))
    world.land("shop", "b", writes=("b.py:f",), reads=("b.py:g",), resources=("table:b",), digests=("2",))
    world.land("blog", "c", writes=("a.py:f",), resources=("table:a",))
    graph = graph_of(world)
    assert (len(graph.nodes), graph.links) == (3, ())
    assert describe_graph(graph) == ("3 changes of 3 had to do with no other",)


def test_the_same_symbol_and_the_same_resource_link_two_changes_of_one_project() -> None:
    world = World("shop")
    world.land("shop", "a", writes=("pay.py:total", "pay.py:"), resources=("table:orders",))
    world.land("shop", "b", writes=("pay.py:total", "pay.py:"), resources=("table:orders",))
    graph = graph_of(world)
    assert kinds(graph) == [LinkKind.SAME_SYMBOL, LinkKind.SAME_RESOURCE]
    assert describe_graph(graph)[0] == 'shop: "a" and "b" both wrote pay.py:total'
    assert "table orders" in describe_graph(graph)[1]


def test_who_reads_what_another_wrote_before_is_linked_and_not_the_other_way_round() -> None:
    world = World("shop")
    world.land("shop", "reader", writes=("b.py:g",), reads=("a.py:f",))
    world.land("shop", "writer", writes=("a.py:f",))
    assert graph_of(world).links == ()
    world.land("shop", "later", writes=("c.py:h",), reads=("a.py:f",))
    (link,) = graph_of(world).links
    assert link.kind is LinkKind.READS
    assert describe_graph(graph_of(world))[0] == 'shop: "later" relies on what "writer" wrote: a.py:f'


def test_what_everybody_touches_is_a_chain() -> None:
    world = World("shop")
    for number in range(12):
        world.land("shop", f"change-{number}", writes=("hub.py:registry",))
    assert len(graph_of(world).links) == 11


def test_contradicting_decisions_and_the_same_code_link_projects() -> None:
    world = World("shop", "blog")
    first = world.land("shop", "a", digests=("d1",), writes=("x.py:f",))
    second = world.land("blog", "b", digests=("d1",), writes=("y.py:f",))
    world.decide("shop", "env:TTL", "60", DecisionKind.ENVIRONMENT, commit=first)
    world.decide("blog", "env:TTL", "90", DecisionKind.ENVIRONMENT, commit=second)
    graph = graph_of(world)
    assert kinds(graph) == [LinkKind.CONTRADICTS, LinkKind.SAME_CODE]
    assert graph.of_project("shop").links == ()


def test_landed_changes_that_do_not_go_together_are_the_gravest_link() -> None:
    world = World("shop")
    conflict = world.conflict("shop", "a", "b")
    world.prove("shop", conflict)
    for name in ("a", "b"):
        world.push("shop", name, writes=("pay.py:total",))
    world.record("shop", ConflictClosed(conflict, CloseReason.LANDED))
    assert kinds(graph_of(world)) == [LinkKind.CONFLICT, LinkKind.SAME_SYMBOL]


def test_issues_that_name_the_same_code_link_their_changes() -> None:
    world = World("shop")
    one = world.issue("shop", "round in `pay.total`")
    two = world.issue("shop", "taxes", body="pay.total forgets them")
    other = world.issue("shop", "colours of buttons")
    for at, issue in enumerate((one, two, other)):
        world.land("shop", f"change-{at}", issue=issue, writes=(f"{at}.py:f",))
    (link,) = graph_of(world).links
    assert (link.kind, link.what) == (LinkKind.ISSUES, ("pay.total",))


def test_rewritten_lines_are_told_where_git_says_so() -> None:
    world = World("shop")
    one = world.land("shop", "a", writes=("a.py:f",))
    two = world.land("shop", "b", writes=("b.py:f",))
    graph = graph_of(world, {(one, two): 7, (one, Sha("f" * 40)): 3})
    assert describe_graph(graph)[0] == 'shop: "b" took away 7 lines that "a" had added'
    assert len(graph.links) == 1


def test_the_picture_is_xml_says_in_words_what_it_shows_and_nothing_in_it_acts() -> None:
    world = World("shop", "<script>alert(1)</script>")
    nasty = 'x"/><script>alert(1)</script>\x00\x1b'
    for _ in range(2):
        world.land("shop", f"a{_}", title=nasty, writes=("pay.py:total",), points=(point("secrets", 40, nasty),))
    graph = graph_of(world)
    drawn = draw_graph(graph, nasty)
    root = ET.fromstring(drawn)
    tags = {each.tag.rpartition("}")[2] for each in root.iter()}
    assert tags == {"svg", "title", "desc", "text", "line", "path", "rect"}
    assert root[1].text is not None
    assert "both wrote pay.py:total" in root[1].text


def test_a_day_without_changes_is_a_picture_too() -> None:
    graph = graph_of(World("shop"))
    assert describe_graph(graph) == ("nothing landed",)
    assert draw_graph(graph, "nothing").startswith("<svg")


def test_sixty_changes_of_one_file_stay_readable() -> None:
    world = World("shop")
    for number in range(60):
        symbols = tuple(f"pay.py:f{(number * 7 + k) % 90}" for k in range(12))
        world.land("shop", f"change-{number}", writes=symbols, reads=symbols[:3])
    drawn = draw_graph(graph_of(world), "a busy day")
    assert drawn.count("<path") <= 200
    assert len(drawn) < 200_000
