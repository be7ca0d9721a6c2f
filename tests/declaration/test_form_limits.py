"""Size limits of user input are the same in each form and in its function."""

from __future__ import annotations

import pytest

from include.declaration import form_limits
from include.declaration.form_limits import (
    LIST_LENGTH,
    NAME_LENGTH,
    PARAMETER_COUNT,
    REASON_LENGTH,
    TextTooLongError,
)
from include.errors import MESSAGE_LENGTH, InvalidRequestError, shorten

pytestmark = pytest.mark.security


def test_a_text_of_the_largest_size_is_accepted_and_a_longer_one_refused_in_few_words():
    form_limits.require_text("reason", "x" * REASON_LENGTH)
    form_limits.require_text("reason", None)
    with pytest.raises(TextTooLongError) as refused:
        form_limits.require_text("reason", "x" * 5_000_000)
    assert (refused.value.field, refused.value.size, refused.value.limit) == ("reason", 5_000_000, 2_000)
    assert len(str(refused.value)) < 400 and not refused.value.retryable


def test_a_list_is_bounded_in_number_and_in_each_entry():
    form_limits.require_list("rows", ["x"] * LIST_LENGTH)
    for values in (["x"] * (LIST_LENGTH + 1), ["x" * (REASON_LENGTH + 1)]):
        with pytest.raises(TextTooLongError):
            form_limits.require_list("rows", values)


@pytest.mark.parametrize(
    "values",
    [
        {f"p{number}": 1 for number in range(PARAMETER_COUNT + 1)},
        {"x" * (NAME_LENGTH + 1): 1},
        {"num_leaves": "x" * (NAME_LENGTH + 1)},
        {"num_leaves": [0] * NAME_LENGTH},
    ],
)
def test_an_object_is_bounded_in_number_names_and_values(values):
    form_limits.require_parameters("parameters", {"num_leaves": 15, "extra_trees": True})
    with pytest.raises(TextTooLongError):
        form_limits.require_parameters("parameters", values)


def test_an_errors_message_keeps_its_beginning_and_its_advice_however_much_it_quotes():
    said = str(InvalidRequestError(f"There are {[f'column_{number}' for number in range(30_000)]}. Rename them."))
    assert len(said) <= MESSAGE_LENGTH
    assert said.startswith("There are ['column_0'") and said.endswith("Rename them.") and "more characters" in said


@pytest.mark.parametrize("size", [99, 100, 101, 5_000_000])
def test_a_shortened_text_fits(size):
    assert len(shorten("x" * size, 100)) == min(size, 100)
