"""Two changes that touch one table: how loud, and when silent."""

from __future__ import annotations

from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.conflicts.rules.resource_tables import find_table_conflicts
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.ids import ChangeId
from watchkeeper.model.resources import Access, AccessMode, Resource, ResourceKind, ResourceTouch

WRITE, READ, DEFINE, REMOVE = AccessMode.WRITE, AccessMode.READ, AccessMode.DEFINE, AccessMode.REMOVE


def touch(
    mode: AccessMode, *columns: str, table: str = "content", symbol: str = "update", over: str = "",
    held: tuple[str, ...] = (), is_new: bool = True, confidence: Confidence = Confidence.SURE,
) -> ResourceTouch:  # fmt: skip
    resource = Resource(ResourceKind.TABLE, table)
    access = Access(resource, mode, 7, f"{mode} {columns}", symbol, columns, "", confidence, over, held)
    return ResourceTouch("engine/stages.py", access, is_new)


def party(name: str, *touches: ResourceTouch) -> Party:
    change = Change(id=ChangeId(name), source=Source.WORKTREE, label=name)
    return Party(change, Footprint(ChangeId(name), resources=touches))


def conflicts(ours: ResourceTouch, theirs: ResourceTouch) -> list[Conflict]:
    one, two = party("a", ours), party("b", theirs)
    there, back = (list(find_table_conflicts(Pair(first=x, second=y))) for x, y in ((one, two), (two, one)))
    assert [(c.fingerprint, c.severity) for c in there] == [(c.fingerprint, c.severity) for c in back]
    return there


def severity(ours: ResourceTouch, theirs: ResourceTouch) -> Severity:
    (found,) = conflicts(ours, theirs)
    return found.severity


def test_two_writes_of_one_table_in_one_function_are_loud_though_no_column_is_shared() -> None:
    assert severity(touch(WRITE, "current_stage"), touch(WRITE, "pipeline_status")) is Severity.MAJOR


def test_a_write_over_a_second_connection_is_loud_and_says_so() -> None:
    second = touch(WRITE, "pipeline_status", symbol="sync", over="engine.begin()", held=("session",))
    (found,) = conflicts(touch(WRITE, "current_stage"), second)
    assert found.severity is Severity.MAJOR
    assert found.summary == "a and b both write the table content, one over a second connection"
    assert [each.note for each in found.evidence] == ["write", "write over engine.begin()"]


def test_one_column_written_in_two_functions_is_minor_and_two_columns_are_information() -> None:
    assert severity(touch(WRITE, "stage"), touch(WRITE, "stage", symbol="other")) is Severity.MINOR
    assert severity(touch(WRITE, "stage"), touch(WRITE, "status", symbol="other")) is Severity.INFO


def test_a_save_of_every_column_shares_them_all() -> None:
    assert severity(touch(WRITE, "*"), touch(WRITE, "status", symbol="other")) is Severity.MINOR


def test_altering_a_column_that_the_other_newly_uses_is_loud_and_another_column_is_minor() -> None:
    assert severity(touch(DEFINE, "stage"), touch(READ, "stage", symbol="other")) is Severity.MAJOR
    assert severity(touch(DEFINE, "stage"), touch(READ, "title", symbol="other")) is Severity.MINOR


def test_dropping_a_table_is_loud_whatever_the_columns() -> None:
    (found,) = conflicts(touch(REMOVE), touch(READ, "title", symbol="other"))
    assert (found.severity, found.summary) == (Severity.MAJOR, "a drops the table content, which b reads")


def test_what_is_less_sure_is_less_loud() -> None:
    weak = touch(WRITE, "status", confidence=Confidence.LIKELY)
    assert severity(touch(WRITE, "stage"), weak) is Severity.MINOR


def test_the_same_column_name_in_two_tables_is_silent() -> None:
    assert conflicts(touch(WRITE, "status"), touch(WRITE, "status", table="job")) == []


def test_reads_only_are_silent_and_so_is_a_read_beside_a_write() -> None:
    assert conflicts(touch(READ, "status"), touch(READ, "status", symbol="other")) == []
    assert conflicts(touch(READ, "status"), touch(WRITE, "status")) == []


def test_the_same_edit_on_both_sides_is_silent() -> None:
    assert conflicts(touch(WRITE, "status"), touch(WRITE, "status")) == []


def test_what_a_change_dropped_is_silent() -> None:
    assert conflicts(touch(WRITE, "status", is_new=False), touch(WRITE, "stage")) == []
