"""Secrets leave untrusted text; what only looks important, or only speaks of secrets, stays as it was."""

from __future__ import annotations

import re

import pytest

from watchkeeper.model.redaction import MARK, has_secret, redact

# Put together here, so that no scanner takes this file for a leak: none of these was ever valid.
LETTERS = "Zq3xW7vB9nM2kL5jH8gF1dS4aP6oI0uY"
HIDDEN = (
    ("token ghp_{s}", "ghp_"),
    ("github_pat_11ABCDEFG0_{s}", "github_pat_"),
    ("glpat-{s}", "glpat-"),
    ("xoxb-123456789012-{s}", "xoxb-"),
    ("sk-ant-api03-{s}", "sk-ant-"),
    ("sk-proj-{s}", "sk-proj-"),
    ("sk_live_{s}", "sk_live_"),
    ("npm_{s}abcd", "npm_"),
    ("SG.{s}.{s}", "SG."),
    ("tskey-auth-{s}", "tskey-auth-"),
    ("hvs.{s}", "hvs."),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{s}", ""),
    ("postgresql://app:{s}@db.example:5432/app", "postgresql://app:"),
    ("redis://:{s}@cache/0", "redis://:"),
    ("https://{s}@github.com/a/b.git", "https://"),
    ("Authorization: Bearer {s}", "Authorization: Bearer "),
    ("-H 'authorization: Basic {s}=='", "authorization: Basic "),
    ("Cookie: theme=dark; sid={s}", "Cookie: "),
    ("Set-Cookie: session={s}; HttpOnly", "Set-Cookie: "),
    ("password = '{s}'", "password = '"),
    ('"client_secret": "{s}"', '"client_secret": "'),
    ("AWS_SECRET_ACCESS_KEY={s}/+x", "AWS_SECRET_ACCESS_KEY="),
    ("export STRIPE_API_KEY={s}", "STRIPE_API_KEY="),
    ("+  api-key: {s}", "api-key: "),
    ('os.environ["SERVICE_TOKEN"] = "{s}"', 'os.environ["SERVICE_TOKEN"] = "'),
    ("const apiKey = `{s}`;", "apiKey = `"),
    ("deploy --token {s} --now", "--token "),
    ("https://a.example/x?access_token={s}&page=2", "&page=2"),
    ("https://bucket.example/o?X-Amz-Signature={s}", "X-Amz-Signature="),
    ("https://discord.com/api/webhooks/123456/{s}", "https://discord.com/api/webhooks/123456/"),
    ("https://hooks.slack.com/services/T0/B0/{s}", "https://hooks.slack.com/services/"),
    ("https://api.telegram.org/bot1234:{s}/sendMessage", "https://api.telegram.org/bot"),
)
STAYS = (
    "commit 4f9d1c2b3a4e5f60718293a4b5c6d7e8f9012345 (origin/main)",
    "request 7c9e6679-7425-40de-944b-e07fc1f90ae7 took 5 ms",
    '"integrity": "sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg=="',
    "--hash=sha256:2a4ae5d1f31a1a5c0b7a5c2df3e4d5f60718293a4b5c6d7e8f90123456789abc",
    "sha256 = e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "password: str",
    "def login(user: str, password: String255) -> None:",
    "password = os.environ['DB_PASSWORD']",
    "token = request.headers.get('x-token')",
    "const token = await fetchToken();",
    "token = session.token2.value",
    "DB_PASSWORD=${DB_PASSWORD}",
    "password: ${{ secrets.DEPLOY }}",
    "password = '***'",
    'placeholder = "Enter your password"',
    "max_tokens: 4096",
    "token_count = 128000",
    "secret: true",
    "passwordless login is on by default",
    "primary_key = 'order_id_2024'",
    "cache-key: build-4f9d1c2b3a4e",
    "https://example.org/a@b/c?page=2",
    "git@github.com:owner/name.git",
    "postgresql://USER@HOST:5432/NAME",
    "use --token NAME to say which one",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
    "the line that starts with -----BEGIN PRIVATE KEY----- has to be removed",
    "tokenizer=bert-base-uncased-2024-v1-final",
    "the cookie: a small text",
)


@pytest.mark.parametrize(("text", "kept"), HIDDEN, ids=[each[0][:24] for each in HIDDEN])
def test_a_secret_is_hidden_and_what_it_was_stays_legible(text: str, kept: str) -> None:
    hidden = redact(f"before {text.format(s=LETTERS)} after")
    assert LETTERS[:12] not in hidden
    assert MARK in hidden
    assert kept in hidden
    assert hidden.startswith("before ")
    assert has_secret(text.format(s=LETTERS))


@pytest.mark.parametrize("text", STAYS)
def test_what_is_no_secret_stays_to_the_letter(text: str) -> None:
    assert redact(text) == text
    assert not has_secret(text)


@pytest.mark.parametrize("mark", ["", "+", " ", "> "])
@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_is_hidden_also_in_a_diff_and_when_its_end_was_cut_off(kind: str, mark: str) -> None:
    lines = [
        f"-----BEGIN {kind}PRIVATE KEY-----",
        LETTERS * 2,
        LETTERS * 2,
        "c2hvcnQ=",
        f"-----END {kind}PRIVATE KEY-----",
    ]
    whole = "\n".join(mark + line for line in lines)
    cut = "\n".join(mark + line for line in lines[:-1])
    for text in (whole, cut, whole.replace("\n", "\\n")):
        hidden = redact(f"{text}\nthe end")
        assert LETTERS not in hidden
        assert "c2hvcnQ" not in hidden
        assert hidden.endswith("the end")
        assert f"BEGIN {kind}PRIVATE KEY" in hidden


def test_of_an_address_all_but_the_password_stays() -> None:
    assert redact("see postgresql://u:p@ss@h:5432/d?x=1 now") == f"see postgresql://u:{MARK}@h:5432/d?x=1 now"


def test_a_password_that_is_a_word_is_hidden_where_it_is_assigned() -> None:
    assert redact('password = "hunter"') == f'password = "{MARK}"'
    assert redact("DB_PASSWORD=hunter") == f"DB_PASSWORD={MARK}"


@pytest.mark.parametrize("sign", ["…", "..."])
def test_what_somebody_cut_of_a_key_is_hidden_too(sign: str) -> None:
    assert redact(f"uses ghp_{LETTERS[:9]}{sign} now") == f"uses ghp_{MARK}{sign} now"
    assert redact(f"uses ghp_{sign} and npm_run{'.'}") == f"uses ghp_{sign} and npm_run."


def test_known_secrets_are_hidden_wherever_they_stand_but_not_ones_that_are_too_short_to_be_told() -> None:
    assert redact("xcorrecthorsex and x", known=("correcthorse", "x", "")) == f"x{MARK}x and x"
    assert redact("abcdefgh-long", known=("abcdefgh", "abcdefgh-long")) == MARK


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "-",
        "password=",
        "://",
        "a:",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "sk-",
        "_secret",
        "--token ",
        "cookie:",
        "a.b-",
        "bearer ",
        "ghp_",
        "ghp_a...",
        "eyJ…",
        "https://discord.com/api/webhooks/1/",
        "\n",
        "@",
        "'",
        "token='",
        "x-",
    ],
)
def test_a_long_text_made_to_be_slow_comes_to_its_end(part: str) -> None:
    """A search that went back and forth in it would be at work for hours; the suite's own timeout sees that."""
    text = part * (150_000 // len(part))
    assert len(redact(text)) <= 2 * len(text)


def test_no_secret_of_the_corpus_is_found_in_all_of_them_together() -> None:
    text = "\n".join(each.format(s=LETTERS) for each, _ in HIDDEN)
    assert not re.search(LETTERS[:12], redact(text))
