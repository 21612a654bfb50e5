"""What an issue's text lets expect: names, words, the past; and when two issues clash."""

from __future__ import annotations

import time

import pytest

from foreseeing import atlas_of, issue, page, past_of
from watchkeeper.fleet.atlas import Atlas
from watchkeeper.fleet.likely import Forecast, Likely, clash, foresee, rare_names, written
from watchkeeper.fleet.likely_weights import HUB_SHARE
from watchkeeper.fleet.mentions import MOST_MENTIONS, How, find_mentions, resolve
from watchkeeper.fleet.pages import written_between
from watchkeeper.fleet.past_changes import PastChange, PastChanges
from watchkeeper.fleet.terms import MOST_CHARACTERS, bounded, split_name, terms_of, written_as
from watchkeeper.model.ids import SymbolKey

STAGES = '''"""Stages of content."""


def update_stage_field(content, stage):
    """Write the stage to the database."""
    content.stage = stage
    content.save()


class Pipeline:
    """Moves content on."""

    def advance(self, content):
        update_stage_field(content, self.next_of(content))

    def next_of(self, content):
        return content.stage + 1
'''
FILES = {
    "engine/stages.py": STAGES,
    "engine/mailer.py": (
        "def send_mail(to, text):\n    smtp(to, text)\n\n\nclass Outbox:\n    def advance(self):\n        return 1\n"
    ),
    "engine/billing.py": "def invoice_total(lines):\n    return sum(line.price for line in lines)\n",
    "tests/test_stages.py": "def test_a_stage_is_written():\n    assert update_stage_field\n",
    "settings.toml": "[mail]\nhost = 'localhost'\n",
}


def test_a_name_in_backticks_is_the_first_symbol_and_the_reason_says_so() -> None:
    forecast = foresee(
        issue("Writes are lost", "`update_stage_field` must write twice"), atlas_of(FILES), PastChanges()
    )

    first = forecast.symbols[0]
    assert first.name == "engine.stages:update_stage_field"
    assert first.reasons[0] == "names `update_stage_field`"
    assert forecast.files[0].path == "engine/stages.py"


def test_words_alone_find_what_speaks_of_them() -> None:
    forecast = foresee(issue("The total of invoices is wrong by a cent"), atlas_of(FILES), PastChanges())

    assert forecast.symbols[0].name == "engine.billing:invoice_total"
    assert "speaks of invoices, total" in forecast.symbols[0].reasons


def test_a_past_change_of_a_like_text_leads_where_no_word_stands_in_the_code() -> None:
    past = past_of(
        ("customers complain about umbrellas", ["engine/mailer.py:send_mail"]),
        *[("something quite different", ["engine/billing.py:invoice_total"])] * 3,
    )

    forecast = foresee(issue("Again complaints about umbrellas"), atlas_of(FILES), past)

    assert forecast.symbols[0].name == "engine.mailer:send_mail"
    assert forecast.symbols[0].reasons[0] == "like issue p#1, whose change touched it"


def test_without_that_past_nothing_is_said_about_the_same_text() -> None:
    forecast = foresee(issue("Again complaints about umbrellas"), atlas_of(FILES), PastChanges())

    assert forecast == Forecast()


def test_a_traceback_leads_to_the_function_around_its_line() -> None:
    text = 'Traceback:\n  File "/home/me/venv/engine/stages.py", line 14, in advance\n    boom'

    forecast = foresee(issue("Crash", text), atlas_of(FILES), PastChanges())

    assert forecast.symbols[0].name == "engine.stages:Pipeline.advance"
    assert forecast.symbols[0].reasons[0] == "a traceback goes through it (engine/stages.py:14)"


def test_the_class_before_the_dot_chooses_between_methods_of_one_name() -> None:
    meant = resolve(find_mentions("`Outbox.advance` hangs"), atlas_of(FILES))

    assert set(meant.symbols) == {SymbolKey("engine/mailer.py", "Outbox.advance")}


def test_a_name_that_two_define_says_half_of_each() -> None:
    meant = resolve(find_mentions("`advance` hangs"), atlas_of(FILES))

    assert {key.path: named.weight for key, named in meant.symbols.items()} == {
        "engine/mailer.py": 0.5,
        "engine/stages.py": 0.5,
    }


def test_a_name_that_too_many_define_says_nothing() -> None:
    atlas = atlas_of({f"m{i}.py": "def get(self):\n    return 1\n" for i in range(20)})

    assert not resolve(find_mentions("`get` is slow"), atlas).symbols


def test_a_plain_word_is_no_name_though_a_function_has_it() -> None:
    meant = resolve(find_mentions("we should advance this soon"), atlas_of(FILES))

    assert not meant.symbols


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("see engine/stages.py for it", "engine/stages.py"),
        ("see stages.py for it", "engine/stages.py"),
        ("see `engine.billing.invoice_total`", "engine/billing.py"),
        (r"C:\work\engine\mailer.py is wrong", "engine/mailer.py"),
        ("edit settings.toml", "settings.toml"),
    ],
)
def test_a_path_or_module_means_its_file(text: str, path: str) -> None:
    meant = resolve(find_mentions(text), atlas_of(FILES))

    assert path in {*meant.files, *(key.path for key in meant.symbols)}


def test_a_path_of_another_project_means_nothing() -> None:
    assert not resolve(find_mentions("see /etc/passwd and other/thing.py:3"), atlas_of(FILES)).files


def test_names_in_an_example_count_less_than_names_in_prose() -> None:
    mentions = find_mentions("it hangs:\n\n```python\nsend_mail(1)\n```\n")

    assert [(each.name, each.how) for each in mentions] == [("send_mail", How.BLOCK)]


def test_words_are_cut_alike_and_names_give_their_parts() -> None:
    assert split_name("updating") == split_name("updates")
    assert split_name("HTTPServerName") == ("http", "serv", "nam", "httpservername")
    assert terms_of("the and of") == {}
    assert written_as("Callable flags")["callabl"] == "Callable"


def test_a_long_text_is_read_at_both_ends() -> None:
    text = bounded("first " + "x " * MOST_CHARACTERS + " last")

    assert len(text) <= MOST_CHARACTERS + 1
    assert (text[:5], text[-4:]) == ("first", "last")


def test_a_symbol_is_written_when_its_own_text_is_another_or_gone() -> None:
    now = STAGES.replace("content.stage + 1", "content.stage + 2").replace("def update_stage_field", "def write_stage")

    names = written_between(page("a.py", STAGES), page("a.py", now))

    assert set(names) == {"update_stage_field", "Pipeline.next_of"}
    assert written_between(page("a.py", STAGES), page("a.py", STAGES)) == ()
    assert written_between(None, page("a.py", STAGES)) == ()


def test_files_that_always_change_together_are_told_together() -> None:
    both = ["engine/mailer.py:send_mail", "settings.toml"]
    past = past_of(*[("mail", both)] * 5)

    forecast = foresee(issue("`send_mail` drops the last letter"), atlas_of(FILES), past)

    assert "settings.toml" in [each.path for each in forecast.files]


def test_what_moved_keeps_its_past() -> None:
    past = past_of(("umbrellas", ["old/mailer.py:send_mail"]))
    past.add(PastChange("c2", "a move", {}, ("old/mailer.py",), (), "", (("old/mailer.py", "engine/mailer.py"),)))

    (first, *_) = past.alike({"umbrella": 1.0})

    assert first.change.symbols == (SymbolKey("engine/mailer.py", "send_mail"),)
    assert past.share_of_file("engine/mailer.py") > 0 == past.share_of_file("old/mailer.py")
    assert past.share_of_symbol(SymbolKey("engine/mailer.py", "send_mail")) > 0


def test_the_oldest_is_forgotten_as_if_it_had_never_been() -> None:
    changes = [PastChange(f"c{i}", f"c{i}", dict(terms_of(f"word{i} all")), (f"f{i}.py",)) for i in range(9)]

    small = PastChanges(changes, most=3)

    assert len(small) == 3
    assert small.share_of_file("f1.py") == 0 < small.share_of_file("f8.py")
    assert [each.change.id for each in small.alike(dict.fromkeys(terms_of("word1 all"), 1.0))] == ["c8", "c7", "c6"]


def test_a_clash_is_of_what_both_will_touch() -> None:
    one = Forecast(symbols=(_likely("a", 0.8), _likely("b", 0.5)))
    two = Forecast(symbols=(_likely("b", 0.5), _likely("c", 0.9)))

    found = clash(one, two)

    assert [each.name for each in found.shared] == ["m:b"]
    assert found.likelihood == pytest.approx(0.25)
    assert clash(one, Forecast(symbols=(_likely("z", 0.9),))).likelihood == 0


def test_a_hub_counts_less_and_is_named_for_nobody() -> None:
    hub = Forecast(symbols=(_likely("b", 0.9, share=HUB_SHARE * 10),))
    rare = Forecast(symbols=(_likely("b", 0.9),))

    assert clash(hub, hub).likelihood < clash(rare, rare).likelihood / 5
    assert rare_names(hub) == ()
    assert rare_names(rare) == ("m:b",)


def test_a_live_footprint_is_certain() -> None:
    atlas = atlas_of(FILES)
    live = written([SymbolKey("engine/stages.py", "update_stage_field")], atlas, PastChanges())
    planned = foresee(issue("`update_stage_field` must write twice"), atlas, PastChanges())

    found = clash(live, planned)

    assert found.likelihood == pytest.approx(planned.symbols[0].likelihood)
    assert found.shared[0].one == ("is written already",)


@pytest.mark.parametrize(
    "text",
    [
        "`" * 50_000,
        "```\n" * 20_000,
        "a." * 60_000,
        "../" * 40_000 + "x.py:1",
        "_" * 100_000,
        "x" * 200_000,
        "+a" * 50_000,
        'File "' * 20_000,
        "<script>" * 9_000 + "\0\x1b[31m\ud800" * 100,
        "\n".join(f"name_{i} Name{i}Other `q{i}`" for i in range(20_000)),
        "﷽" * 50_000 + "\u202e",
        "(((((" * 20_000 + "[](" * 20_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_hostile_text_is_answered_in_bounded_time(text: str) -> None:
    atlas = atlas_of(FILES)
    began = time.process_time()

    forecast = foresee(issue(text, text), atlas, past_of((text[:5_000], ["settings.toml"])))

    # Many times what it takes: a pattern that goes wrong takes hours, not seconds.
    assert time.process_time() - began < 20
    assert len(find_mentions(text)) <= MOST_MENTIONS
    assert len(forecast.symbols) <= 50


def test_binary_and_broken_files_have_pages_all_the_same() -> None:
    atlas = Atlas()
    for name, content in {
        "a.py": b"def broken(:\n  x = \xff\xfe",
        "b.bin": b"\0\1\2" * 100,
        "c.py": b"",
        "d.py": b"\r\r",
    }.items():
        atlas.put(name, page(name, content))

    assert set(atlas.paths) == {"a.py", "b.bin", "c.py", "d.py"}
    assert atlas.paths["b.bin"].entries == ()


def _likely(name: str, likelihood: float, share: float = 0.0) -> Likely:
    return Likely("m.py", name, f"m:{name}", likelihood, ("because",), share)
