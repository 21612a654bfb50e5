"""Whatever the API's description allows is asked, and answered as it says; whatever it forbids is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from accessworld import Served, plant, served
from watchkeeper.controlroom.judging import Role
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.web.access import guard
from watchkeeper.web.access.limits import Rate
from watchkeeper.web.api.openapi import describe
from watchkeeper.web.api.routes import OPERATIONS

CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
    unsupported_method,
)
schema = schemathesis.openapi.from_dict(describe(OPERATIONS))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        for bound in ("PERSONS", "STRANGERS"):
            patch.setattr(guard, bound, Rate(1_000_000, 60))
        with served(tmp_path_factory.mktemp("described"), events=plant(" <b>", "")) as running:
            yield running


@schema.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_it_answers_as_it_is_described(case: schemathesis.Case, room: Served) -> None:
    for name in ("project",):
        if case.path_parameters and name in case.path_parameters and len(case.path_parameters[name]) % 2:
            case.path_parameters[name] = room.name  # half of them ask about what is there
    if case.query and case.query.get("wait"):
        case.query["wait"] = 0
    headers = {"Authorization": f"Bearer {room.tokens[Role.OPERATOR]}"}
    case.call_and_validate(base_url=room.url, headers=headers, checks=list(CHECKS))


def test_nothing_that_was_asked_broke_the_record(room: Served) -> None:
    try:
        assert room.room.reader.look().seq == room.log.last_seq()
    except WatchkeeperError as error:
        pytest.fail(error.message)
