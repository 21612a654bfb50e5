"""Whatever the text and the tree: a forecast is a function of both, in no order, and within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreseeing import atlas_of, issue, page, past_of
from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.likely import clash, foresee, rare_names
from watchkeeper.fleet.past_changes import PastChange, PastChanges
from watchkeeper.fleet.terms import terms_of

_NAMES = ["send_mail", "Outbox", "advance", "total", "read_page", "Stage", "x"]
_WORDS = [*_NAMES, "mail", "slow", "`total`", "a.py", "b/c.py:2", "Outbox.advance", "```", "über", "\0"]
_TEXT = st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join)
_SOURCE = st.lists(st.sampled_from(_NAMES), max_size=5).map(
    lambda names: "".join(f"def {name}(a):\n    return {name}_of(a)\n\n\n" for name in names)
)
_TREE = st.dictionaries(st.sampled_from(["a.py", "b/c.py", "d.toml", "e.ts", "tests/test_a.py"]), _SOURCE, max_size=5)


@given(_TREE, _TREE, _TEXT, _TEXT)
def test_a_forecast_depends_on_the_tree_and_not_on_the_way_to_it(
    tree: dict[str, str], earlier: dict[str, str], title: str, body: str
) -> None:
    asked, past = issue(title, body), past_of((body, list(tree)[:2]))
    straight = foresee(asked, atlas_of(tree), past)

    walked = Atlas()
    for path, text in [*earlier.items(), *reversed(tree.items())]:
        walked.put(path, page(path, text))
    for path in earlier.keys() - tree.keys():
        walked.drop(path)

    assert foresee(asked, walked, past) == straight


@given(_TREE, st.text(max_size=400), st.text(max_size=400))
def test_every_text_has_a_forecast_in_order_and_within_bounds(tree: dict[str, str], title: str, body: str) -> None:
    forecast = foresee(issue(title, body), atlas_of(tree), past_of((title, list(tree))))

    for told in (forecast.files, forecast.symbols):
        likelihoods = [each.likelihood for each in told]
        assert likelihoods == sorted(likelihoods, reverse=True)
        assert all(0 < each <= 1 for each in likelihoods)
        assert len(told) <= 50
        assert len({(each.path, each.qualname) for each in told}) == len(told)
        assert all(each.path in tree for each in told)
        assert all(len(each.reasons) <= 3 for each in told)
    assert set(rare_names(forecast)) <= {each.name for each in forecast.symbols}


@given(_TREE, _TEXT, _TEXT)
def test_a_clash_is_symmetric_and_no_likelier_than_either_side(tree: dict[str, str], one: str, two: str) -> None:
    atlas, past = atlas_of(tree), PastChanges()
    left, right = foresee(issue(one), atlas, past), foresee(issue(two), atlas, past)

    forth, back = clash(left, right), clash(right, left)

    assert forth.likelihood == back.likelihood
    assert [each.name for each in forth.shared] == [each.name for each in back.shared]
    for shared in forth.shared:
        for side in (left, right):
            assert shared.likelihood <= next(each.likelihood for each in side.symbols if each.name == shared.name)


@given(st.lists(st.tuples(_TEXT, st.lists(st.sampled_from(["a.py", "b.py", "c.py"]), max_size=3)), max_size=12))
def test_a_bounded_past_is_the_past_of_its_newest_changes(told: list[tuple[str, list[str]]]) -> None:
    changes = [
        PastChange(f"c{i}", f"c{i}", dict(terms_of(text)), tuple(dict.fromkeys(files)))
        for i, (text, files) in enumerate(told)
    ]
    query = {"mail": 1.0, "total": 1.0}

    bounded, fresh = PastChanges(changes, most=4), PastChanges(changes[-4:])

    assert bounded.alike(query) == fresh.alike(query)
    assert bounded.newest_files() == fresh.newest_files()
    for path in ("a.py", "b.py", "c.py"):
        assert bounded.share_of_file(path) == pytest.approx(fresh.share_of_file(path))
        assert bounded.together(path) == fresh.together(path)
