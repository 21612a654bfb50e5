"""What programs write is read, or said to be unreadable: never taken for nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scouting import Tree
from watchkeeper.scouts.checks.coverage import Coverage, parse_coverage
from watchkeeper.scouts.checks.duplication import Duplication
from watchkeeper.scouts.checks.locks import NestedLocks
from watchkeeper.scouts.checks.programs import BY_NAME
from watchkeeper.scouts.checks.reports import parse_semgrep
from watchkeeper.scouts.checks.tooling import ReportUnreadableError, ToolCheck, line_of, within
from watchkeeper.scouts.checks.vision import Vision
from watchkeeper.scouts.config import ScoutConfig

TOOLS = [check for check in BY_NAME.values() if isinstance(check, ToolCheck)]


@pytest.mark.parametrize("check", TOOLS, ids=lambda each: each.name)
@given(
    content=st.one_of(
        st.binary(max_size=120), st.sampled_from([b"null", b"[]", b"{}", b'{"results": {}}', b"[" * 9999])
    )
)
def test_no_bytes_break_a_reader_and_none_report_what_was_planted(check: ToolCheck, content: bytes) -> None:
    try:
        told = check.tool.parse(content)
    except ReportUnreadableError:
        return
    assert not check.tool.planted <= {each.rule for each in told.found}


@pytest.mark.parametrize(
    ("path", "relative"),
    [("./a.py", "a.py"), ("a/b.py", "a/b.py"), ("/t/a.py", "a.py"), ("/other/a.py", None)],
)
def test_paths_are_read_as_programs_write_them(path: str, relative: str | None) -> None:
    assert within(path, Path("/t")) == relative


def test_a_line_is_quoted_and_one_that_is_not_there_is_nothing() -> None:
    assert line_of(b"a\n  b\n", 2) == "b"
    assert line_of(b"a\n", 9) == line_of(b"a\n", 0) == ""


LCOV = "TN:\nSF:src/a.ts\nDA:1,3\nDA:2,0\nLF:2\nLH:1\nend_of_record\n"
JSON = '{"files": {"shop/a.py": {"summary": {"covered_lines": %d, "num_statements": %d}}}}'


def test_both_forms_of_coverage_are_read() -> None:
    assert parse_coverage(LCOV.encode())["src/a.ts"].executed == 1
    assert parse_coverage((JSON % (3, 9)).encode())["shop/a.py"].lines == 9


@pytest.mark.parametrize(
    "text", ["", "SF:a\nDA:1,3\n", "hello\n", "SF:a\nDA:1,x\nend_of_record\n", '{"files": 3}', "{"]
)
def test_a_report_of_coverage_that_is_cut_or_none_is_refused_or_empty(text: str) -> None:
    if not text:
        assert parse_coverage(b"") == {}
        return
    with pytest.raises(ValueError, match=r"line|ends|Expected|Invalid|Expecting"):
        parse_coverage(text.encode())


def covered(tmp_path: Path, executed: int, lines: int = 30, config: str = "coverage.json") -> object:
    tree = Tree(tmp_path, {"shop/a.py": "x = 1\n" * 40, "coverage.json": JSON % (executed, lines)})
    tree.config = ScoutConfig(coverage=config)
    return tree.look(Coverage())


@pytest.mark.parametrize(("executed", "rules"), [(0, ["hardly-tested"]), (5, ["hardly-tested"]), (25, [])])
def test_files_that_the_tests_hardly_execute_are_found(tmp_path: Path, executed: int, rules: list[str]) -> None:
    look = covered(tmp_path, executed)
    assert [each.rule for each in look.found] == rules  # type: ignore[attr-defined]
    assert look.is_whole  # type: ignore[attr-defined]


def test_a_report_that_is_missing_or_of_another_state_is_no_look(tmp_path: Path) -> None:
    assert "is not there" in covered(tmp_path / "1", 3, config="none.json").checked.reason  # type: ignore[attr-defined]
    assert "of another state" in covered(tmp_path / "2", 3, lines=99).checked.reason  # type: ignore[attr-defined]
    assert covered(tmp_path / "3", 3, config="").absent  # type: ignore[attr-defined]


def test_tests_are_run_where_a_line_says_how_and_a_committed_report_does_not_count(tmp_path: Path) -> None:
    tree = Tree(tmp_path, {"shop/a.py": "x = 1\n" * 40, "c.json": JSON % (30, 30), "new.json": JSON % (1, 30)})
    tree.config = ScoutConfig(coverage="c.json", measure="cp new.json c.json")
    assert [each.rule for each in tree.look(Coverage()).found] == ["hardly-tested"]

    (tree.folder / "c.json").write_text(JSON % (30, 30))
    tree.config = ScoutConfig(coverage="c.json", measure="exit 9")
    found = Coverage().look(tree.ground(), Never(), Never())  # type: ignore[arg-type]
    assert "ended with 9" in found.checked.reason


class Never:
    """A sandbox in which every command ends with 9."""

    def is_set(self) -> bool:
        return False

    def run(self, *_: object, **__: object) -> object:
        from watchkeeper.sandbox.job import Ending, Isolation, Outcome

        return Outcome(
            ending=Ending.EXITED, exit_code=9, output=b"no\n", printed=3, wall_s=0, cpu_s=0, peak_mb=0,
            isolation=Isolation("none"),
        )  # fmt: skip


COPY = """def {name}(order, rate):
    total = 0
    for line in order.lines:
        total += line.price * rate
{more}    if order.is_gift:
        total += order.wrapping
    if total < 0:
        raise ValueError(order.id)
    return round(total, 2)
"""


def test_a_function_that_was_written_twice_under_two_names_is_found_once(tmp_path: Path) -> None:
    more = "        if line.is_free:\n            total -= line.price\n"
    files = {"a.py": COPY.format(name="sum_up", more=more), "b.py": COPY.format(name="add", more=more)}
    found = Tree(tmp_path / "1", files).look(Duplication()).found
    assert [(each.path, each.rule, each.symbol) for each in found] == [("b.py", "written-twice", "add")]

    other = {**files, "b.py": COPY.format(name="add", more=more.replace("price", "tax"))}
    assert not Tree(tmp_path / "2", other).look(Duplication()).found
    assert not Tree(tmp_path / "3", {"a.py": files["a.py"], "tests/b.py": files["b.py"]}).look(Duplication()).found


def test_a_renamed_file_does_not_make_the_other_one_the_copy(tmp_path: Path) -> None:
    more = "        if line.is_free:\n            total -= line.price\n"
    renamed = Tree(
        tmp_path, {"z.py": COPY.format(name="sum_up", more=more), "b.py": COPY.format(name="add", more=more)}
    )
    for names, copy in (({}, "z.py"), ({"z.py": "a.py"}, "b.py")):
        ground = msgspec.structs.replace(renamed.ground(), names=names)
        found = Duplication().look(ground, Never(), Never()).found  # type: ignore[arg-type]
        assert [each.path for each in found] == [copy]


def test_a_file_that_is_too_large_is_left_out_and_said(tmp_path: Path) -> None:
    large = Tree(tmp_path, {"a.py": "x = 1\n", "b.py": "#" * (1 << 20) + "\n"}).look(Duplication())
    assert large.checked.what == "0 functions in 1 files; left out: 1 larger than 1 MB"


HANGS = """
def update_stage_field(session, mirror, content_id, value):
    session.execute("UPDATE content SET stage = 1 WHERE id = 2")
    mirror.execute("UPDATE content SET status = 1 WHERE id = 2")
    session.commit()
"""


def test_a_nested_lock_is_found_in_one_tree_and_not_where_the_first_is_committed(tmp_path: Path) -> None:
    found = Tree(tmp_path / "1", {"stages.py": HANGS}).look(NestedLocks()).found
    assert [each.path for each in found] == ["stages.py"]

    mended = HANGS.replace("    mirror", "    session.commit()\n    mirror")
    assert not Tree(tmp_path / "2", {"stages.py": mended}).look(NestedLocks()).found


VISION = """# Shop

Orders are exported with `--as-csv`, and shown on `/orders/{id}`.

## Later

`/reports` is planned.
"""


def test_a_name_that_the_vision_promises_and_no_file_has_is_found_but_not_what_is_for_later(tmp_path: Path) -> None:
    tree = Tree(tmp_path, {"VISION.md": VISION, "app.py": "route('/orders/<id>')\n"})
    tree.config = ScoutConfig(vision="VISION.md")
    assert [each.anchor for each in tree.look(Vision()).found] == ["--as-csv"]

    tree.write("cli.py", "option('--as-csv')\n")
    assert tree.look(Vision()).found == ()

    tree.config = ScoutConfig(vision="GONE.md")
    assert "GONE.md" in tree.look(Vision()).checked.reason


@pytest.mark.parametrize(
    "error", ['{"level": "error", "message": "a rule cannot be read"}', '"it failed"', '{"path": ""}']
)
def test_an_error_of_semgrep_that_names_no_file_is_of_the_whole_run(error: str) -> None:
    with pytest.raises(ReportUnreadableError, match="something failed"):
        parse_semgrep(f'{{"results": [], "errors": [{error}], "paths": {{"scanned": ["a.py"]}}}}'.encode())
