"""The command for what a backfill has left can be run as it is printed."""

from __future__ import annotations

import shlex

import pytest

from include.backfill.reconcile import LeftPeriod, Reconciliation
from include.backfill.request import BackfillRequest
from include.declaration.period import Period
from tests.toy import USE_CASE

FIRST = Period("2020-01-01")


@pytest.mark.parametrize("number", [1, 20, 21, 1_500])
def test_the_command_names_what_is_left_in_a_request_that_is_accepted(number):
    left = tuple(LeftPeriod("data", "land", FIRST + place, "refused") for place in range(number))
    request = BackfillRequest(FIRST, FIRST + 1_600, ("data",))
    found = Reconciliation("toy", request, {"land": 1_601}, left)
    words = shlex.split(found.command)
    options = dict(zip(words[3::2], words[4::2], strict=True))
    fields = {"first": options.get("--from"), "last": options.get("--to"), "kinds": options["--kinds"].split(",")}
    fields["only"] = options["--only"].split(",") if "--only" in options else []
    asked = BackfillRequest.parse(USE_CASE, fields)
    assert asked.periods(USE_CASE, "land") == [one.period for one in left]


def test_nothing_left_needs_no_command():
    assert Reconciliation("toy", BackfillRequest(FIRST, FIRST), {"land": 1}, ()).command == ""
