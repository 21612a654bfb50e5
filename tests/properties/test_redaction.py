"""Hiding secrets never fails, is done after once, and hides a planted one whatever stands around it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.redaction import MARK, has_secret, redact

SECRET = "ghp_" + "Zq3xW7vB9nM2kL5jH8gF1dS4aP6oI0uYabcd"
PARTS = st.sampled_from(
    [
        "password",
        "=",
        ":",
        " ",
        "'",
        '"',
        "token",
        "://",
        "@",
        "-----BEGIN PRIVATE KEY-----",
        "AAAAAAAAAAAAAAAAAAAA",
        "\n",
        "+",
        "-----END PRIVATE KEY-----",
        "eyJabcdefghij",
        ".",
        "sk-",
        "1a2b3c4d5e6f7g8h",
        "[redacted]",
        "--",
        "Bearer ",
        "?",
        "Cookie: a=",
        "API_KEY",
        "${",
        "}",
        "https://discord.com/api/webhooks/1/",
        "\\n",
        "_",
        "\udcff",
        "é",
        "Authorization",
    ]
)
TEXTS = st.one_of(st.text(max_size=400), st.lists(PARTS, max_size=30).map("".join))


@given(TEXTS)
def test_it_never_fails_and_once_is_enough(text: str) -> None:
    hidden = redact(text)
    assert redact(hidden) == hidden
    assert not has_secret(hidden)


@given(TEXTS, TEXTS)
def test_a_key_is_hidden_between_whatever_words(before: str, after: str) -> None:
    assert SECRET not in redact(f"{before} {SECRET} {after}")


@given(TEXTS, st.lists(st.text(max_size=30), max_size=4))
def test_a_known_secret_is_not_in_what_comes_out(text: str, known: list[str]) -> None:
    hidden = redact(text + "".join(known), known)
    assert all(each not in hidden.replace(MARK, "\0") for each in known if len(each) >= 8 and "\0" not in each)
