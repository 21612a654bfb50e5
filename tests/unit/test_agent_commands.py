"""Which files a shell command shows, as far as its text tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.agents.commands import ShellRead, find_reads, find_writes
from watchkeeper.agents.lines import MAX_LINE

WHOLE = None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat src/a.py", [("src/a.py", WHOLE)]),
        ("cat -n a.py b.py", [("a.py", WHOLE), ("b.py", WHOLE)]),
        ("cat -- -odd.py", [("-odd.py", WHOLE)]),
        ("cat 'a b.py'", [("a b.py", WHOLE)]),
        ("cat /abs/a.py", [("/abs/a.py", WHOLE)]),
        ("sed -n 1,7p src/calc.py", [("src/calc.py", (1, 7))]),
        ("sed -n '5p;8,9p' a.py", [("a.py", (5, 5)), ("a.py", (8, 9))]),
        ("sed -n '20,$p' a.py", [("a.py", (20, MAX_LINE))]),
        ("sed -n -e 3,4p a.py", [("a.py", (3, 4))]),
        ("sed -n '/def/p' a.py", [("a.py", WHOLE)]),
        ("sed s/a/b/ a.py", [("a.py", WHOLE)]),
        ("head -n 5 a.py", [("a.py", (1, 5))]),
        ("head -20 a.py", [("a.py", (1, 20))]),
        ("head a.py", [("a.py", (1, 10))]),
        ("head -c 100 a.py", [("a.py", WHOLE)]),
        ("tail -n +5 a.py", [("a.py", (5, MAX_LINE))]),
        ("tail -n 5 a.py", [("a.py", WHOLE)]),
        ("nl -ba a.py", [("a.py", WHOLE)]),
        ("less a.py", [("a.py", WHOLE)]),
        ("bat -r 3:9 a.py", [("a.py", (3, 9))]),
        ("rg -n foo src/a.py -A 3", [("src/a.py", WHOLE)]),
        ("grep -e foo a.py", [("a.py", WHOLE)]),
        ("awk '{print $1}' a.txt", [("a.txt", WHOLE)]),
        ("diff a.py b.py", [("a.py", WHOLE), ("b.py", WHOLE)]),
        ("cat < a.py 2>&1", [("a.py", WHOLE)]),
        ("cd src && cat a.py", [("src/a.py", WHOLE)]),
        ("cd src; cd ../lib; cat a.py", [("src/../lib/a.py", WHOLE)]),
        ("(cd a && cat b.py); cat c.py", [("a/b.py", WHOLE), ("c.py", WHOLE)]),
        ("cd /abs && cat a.py", [("/abs/a.py", WHOLE)]),
        ("cat a.py | head -3", [("a.py", (1, 3))]),
        ("nl -ba a.py | sed -n '10,20p'", [("a.py", (10, 20))]),
        ("cat a.py | grep x | head -3", [("a.py", WHOLE)]),
        ("cat a.py b.py | head -3", [("a.py", WHOLE), ("b.py", WHOLE)]),
        ("bash -lc 'cd pkg; head -n 5 m.py'", [("pkg/m.py", (1, 5))]),
        ("cd x && bash -c 'cat y.py'", [("x/y.py", WHOLE)]),
        ("FOO=1 timeout 5 sudo cat a.py", [("a.py", WHOLE)]),
        ("/usr/bin/cat a.py", [("a.py", WHOLE)]),
        ("if true; then cat a.py; fi", [("a.py", WHOLE)]),
        ("cat a#b.py # cat c.py\ncat d.py", [("a#b.py", WHOLE), ("d.py", WHOLE)]),
        ("cat a.py > b.py", [("a.py", WHOLE)]),
        ("cat a.py; cat a.py", [("a.py", WHOLE)]),
        ("cat <<'EOF' > out.py\ncat secret.py\nEOF\ncat real.py", [("real.py", WHOLE)]),
        ("cat a.py 'unfinished", [("a.py", WHOLE)]),
    ],
)
def test_a_command_that_shows_files_reads_them(
    command: str, expected: list[tuple[str, tuple[int, int] | None]]
) -> None:
    assert find_reads(command) == tuple(ShellRead(path, lines) for path, lines in expected)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "pytest -q",
        "ls src",
        "wc -l a.py",
        "echo cat a.py",
        "git commit -m 'cat a.py'",
        "sed -i s/a/b/ a.py",
        "rg -l foo a.py",
        "grep -rn foo .",
        "cat $FILE",
        "cat *.py",
        "cat $(git ls-files)",
        "cat ~/.ssh/id",
        "cat src/",
        "cat -",
        "cat",
        "sed -n",
        "head -n",
        "cd - && cat a.py",
        "cd $X; cat a.py",
        "popd; cat a.py",
        "python -c 'open(\"a.py\").read()'",
        "cat > a.py",
        "tee a.py",
        "# cat a.py",
        "cat /dev/null",
    ],
)
def test_a_command_that_shows_no_file_or_one_that_is_not_told_reads_none(command: str) -> None:
    assert find_reads(command) == ()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("sed -i s/a/b/ a.py", ["a.py"]),
        ("sed -i.bak -e s/a/b/ a.py b.py", ["a.py", "b.py"]),
        ("perl -pi -e 's/a/b/' a.py", ["a.py"]),
        ("echo x > a.py", ["a.py"]),
        ("echo x >> src/a.py 2>&1", ["src/a.py"]),
        ("> a.py", ["a.py"]),
        ("cat <<'EOF' > out.py\nx > no.py\nEOF", ["out.py"]),
        ("cd src && echo x > a.py", ["src/a.py"]),
        ("echo x | tee -a a.py b.py", ["a.py", "b.py"]),
        ("cp a.py b.py", ["b.py"]),
        ("mv a.py b.py", ["a.py", "b.py"]),
        ("rm -f a.py", ["a.py"]),
        ("bash -lc 'cd x; touch a.py'", ["x/a.py"]),
        ("pytest 2> errors.txt", ["errors.txt"]),
        ("pytest &> all.txt", ["all.txt"]),
    ],
)
def test_a_command_that_changes_files_writes_them(command: str, expected: list[str]) -> None:
    assert find_writes(command) == tuple(expected)


@pytest.mark.parametrize(
    "command",
    [
        "sed -n 1,5p a.py",
        "sed s/a/b/ a.py",
        "perl -ne print a.py",
        "cat a.py",
        "pytest > /dev/null 2>&1",
        "echo x > $OUT",
        "cat < a.py",
        "cp a.py src/",
        "rm -rf *.py",
        "echo 'x > a.py'",
        "cd $X && rm a.py",
        "git commit",
        "[ 1 -gt 2 ]",
    ],
)
def test_a_command_that_changes_no_file_or_one_that_is_not_told_writes_none(command: str) -> None:
    assert find_writes(command) == ()


SHELL = st.lists(
    st.sampled_from(
        "cat head sed -n 1,5p a.py b | || && ; ( ) < > >> <<EOF EOF cd .. ' \" $ \\ # \n bash -c -".split(" ")
    ),
    max_size=12,
).map(" ".join)


@given(st.text(max_size=200) | SHELL)
def test_any_text_is_read_without_a_failure_and_gives_plain_paths(command: str) -> None:
    for read in find_reads(command):
        assert read.path
        assert not set(read.path) & set("\0\n$*")
        assert read.lines is None or 1 <= read.lines[0] <= read.lines[1] <= MAX_LINE
    assert all(path and not set(path) & set("\0\n$*") for path in find_writes(command))


def test_a_command_of_megabytes_is_cut_before_it_is_read() -> None:
    assert len(find_reads("cat " + " ".join(f"f{n}.py" for n in range(10**6)))) == 200
