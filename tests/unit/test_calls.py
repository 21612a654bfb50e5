"""Whether calls fit signatures."""

from __future__ import annotations

import pytest

from watchkeeper.code.call_fit import find_misfit
from watchkeeper.conflicts.calls import find_misfit_of
from watchkeeper.model.reading import CallShape, Parameter, ParameterKind, Signature

URL = Parameter("url")
LIMIT = Parameter("limit", default="10")
ONLY_NAMED = Parameter("retries", ParameterKind.KEYWORD_ONLY)
REST = Parameter("rest", ParameterKind.VAR_POSITIONAL)
OPTIONS = Parameter("options", ParameterKind.VAR_KEYWORD)


def signature(*parameters: Parameter) -> Signature:
    return Signature(parameters=parameters)


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        (CallShape(1), (URL,)),
        (CallShape(0, ("url",)), (URL, LIMIT)),
        (CallShape(2), (URL, LIMIT)),
        (CallShape(5), (URL, REST)),
        (CallShape(1, ("colour",)), (URL, OPTIONS)),
        (CallShape(0, star=True), (URL, LIMIT)),
        (CallShape(0, double_star=True), (URL, ONLY_NAMED)),
        (CallShape(1, ("retries",)), (URL, ONLY_NAMED)),
    ],
)
def test_a_call_that_python_would_accept_fits(call: CallShape, parameters: tuple[Parameter, ...]) -> None:
    assert find_misfit(call, signature(*parameters)) is None


@pytest.mark.parametrize(
    ("call", "parameters", "why"),
    [
        (CallShape(0), (URL,), "does not pass url"),
        (CallShape(3), (URL, LIMIT), "at most 2"),
        (CallShape(1, ("colour",)), (URL,), "colour="),
        (CallShape(1), (URL, ONLY_NAMED), "does not pass retries"),
        (CallShape(0, star=True), (URL, ONLY_NAMED), "does not pass retries"),
    ],
)
def test_a_call_that_python_would_refuse_does_not_fit(
    call: CallShape, parameters: tuple[Parameter, ...], why: str
) -> None:
    assert why in str(find_misfit(call, signature(*parameters)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((URL,), (URL, LIMIT)),
        ((URL,), (URL, REST, OPTIONS)),
        ((URL, LIMIT), (URL, LIMIT)),
        ((), (ONLY_NAMED, LIMIT)[1:]),
    ],
)
def test_a_signature_that_only_takes_more_fits_all_old_calls(
    old: tuple[Parameter, ...], new: tuple[Parameter, ...]
) -> None:
    assert find_misfit_of(signature(*old), signature(*new)) is None


@pytest.mark.parametrize(
    ("old", "new"), [((URL, LIMIT), (URL,)), ((URL,), (URL, ONLY_NAMED)), ((URL, LIMIT), (LIMIT, URL))]
)
def test_a_signature_that_takes_less_demands_more_or_reorders_may_not(
    old: tuple[Parameter, ...], new: tuple[Parameter, ...]
) -> None:
    assert find_misfit_of(signature(*old), signature(*new)) is not None
