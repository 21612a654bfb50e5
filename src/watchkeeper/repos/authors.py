"""Who commits: the user as he configured himself, and signed where he signs his own commits."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import Special, decode_path, encode_path
from watchkeeper.repos.hub import IDENTITY, Hub
from watchkeeper.repos.repository import Repository


class Stamp(msgspec.Struct, frozen=True):
    """An author or committer, as git writes it: ``Name <address> seconds zone``."""

    who: str
    at_s: int
    zone: str = "+0000"

    def __str__(self) -> str:
        return f"{self.who} {self.at_s} {self.zone}"


class OldCommit(msgspec.Struct, frozen=True):
    """A commit as it is stored. ``author`` is git's own line, ``encoding`` that of the message where it is no UTF-8."""

    sha: Sha
    tree: Sha
    parents: tuple[Sha, ...]
    author: str
    message: str
    encoding: str = ""

    @property
    def who(self) -> str:
        """``Name <address>``, without the date."""
        return self.author.rpartition("> ")[0] + ">" if "> " in self.author else self.author


class Committer:
    """Writes commits into the hub, in the user's name. ``repository`` says how he is called and whether he signs."""

    def __init__(self, hub: Hub, repository: Repository, at_s: int) -> None:
        """``at_s`` is the date of all commits, in seconds since the epoch. Raises: GitError."""
        self._hub = hub
        self._repository = repository
        self.stamp = Stamp(_read_identity(repository), at_s)
        self.is_signing = _is_set(repository, "commit.gpgsign")

    def commit(
        self, tree: Sha, parents: Sequence[Sha], message: str, author: str | None = None, encoding: str = ""
    ) -> Sha:
        """A commit; unsigned, equal arguments give the equal id. ``author`` None: he who commits.

        Signed as ``commit.gpgsign`` says, with the user's own key and program, which cannot ask for a passphrase.
        Raises: GitError where signing fails.
        """
        headers = [
            f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {author or self.stamp}",
            f"committer {self.stamp}", *([f"encoding {encoding}"] if encoding else []),
        ]  # fmt: skip
        content = encode_path("\n".join([*headers, "", message])).replace(b"\0", b"")
        return self._hub.write_commit(self._signed(content) if self.is_signing else content)

    def _signed(self, content: bytes) -> bytes:
        """The commit with a signature, as git itself makes it: the same commit by ``git commit-tree``."""
        old = _parse(Sha("the new commit"), content)
        objects = self._hub.folder / "objects"
        parents = [option for parent in old.parents for option in ("-p", parent)]
        variables = {
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._repository.common_dir / "objects"),
            **_stamp_variables("AUTHOR", old.author),
            **_stamp_variables("COMMITTER", str(self.stamp)),
        }
        try:
            made = self._repository.git(
                "commit-tree", "-S", *parents, old.tree, stdin=content.partition(b"\n\n")[2], timeout_s=60.0,
                special=Special(variables=variables), config={"i18n.commitEncoding": old.encoding or "UTF-8"},
            ).output  # fmt: skip
        except WatchkeeperError as error:
            raise GitError(
                f"the landing commit cannot be signed: {error.message}",
                slug="signing-failed",
                hint="unlock the key (an agent that needs no terminal), or git config commit.gpgsign false",
            ) from error
        signed = self._hub.objects.read(Sha(made.decode("ascii").strip()))
        assert signed is not None
        return signed


def read_commit(hub: Hub, sha: Sha) -> OldCommit:
    """A commit as it is stored. Raises: GitError where it is not there, or no commit."""
    return _parse(sha, hub.objects.read(sha) or b"")


def _parse(sha: Sha, content: bytes) -> OldCommit:
    header, _, message = content.partition(b"\n\n")
    fields: dict[str, list[str]] = {}
    for line in header.split(b"\n"):
        key, _, value = line.partition(b" ")  # a continued line (of a signature) has an empty key
        fields.setdefault(decode_path(key), []).append(decode_path(value))
    if not fields.get("tree") or not fields.get("author"):
        raise GitError(f"{sha} is no commit", slug="object-missing", hint="give the id of a commit")
    return OldCommit(
        sha=sha,
        tree=Sha(fields["tree"][0]),
        parents=tuple(Sha(parent) for parent in fields.get("parent", [])),
        author=fields["author"][0],
        message=decode_path(message),
        encoding=fields.get("encoding", [""])[0],
    )


def _read_identity(repository: Repository) -> str:
    """``committer.name`` or ``user.name`` with the address, else ours. Never what git guesses of the machine."""
    name = _read(repository, "committer.name") or _read(repository, "user.name")
    address = _read(repository, "committer.email") or _read(repository, "user.email")
    return f"{name} <{address}>" if name and address else IDENTITY


def _read(repository: Repository, key: str) -> str:
    value = decode_path(repository.git("config", "--get", key, allowed=(0, 1)).output)
    return " ".join("".join(" " if char in "<>\n\0" else char for char in value).split())


def _is_set(repository: Repository, key: str) -> bool:
    return repository.git("config", "--type=bool", "--get", key, allowed=(0, 1)).output.strip() == b"true"


def _stamp_variables(role: str, line: str) -> dict[str, str]:
    who, _, date = line.rpartition("> ")
    name, _, address = who.partition(" <")
    values = {"NAME": name, "EMAIL": address, "DATE": f"@{date}"}
    return {f"GIT_{role}_{key}": os.fsdecode(encode_path(value)) for key, value in values.items()}
