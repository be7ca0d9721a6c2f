"""`airworthy lineage`: its output on a narrow terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from include.cli import lineage as cli_lineage
from include.declaration.period import Period
from include.errors import InvalidRequestError
from include.reproduction.lineage import Content, FeedLineage, FeedPeriod, Lineage
from tests.refusals import raises

DAY = Period("2020-03-01")
PREDICTED = "probability 0.2500, predicted negative"
DAYS = [DAY - 1, DAY]


def content(table: str, period: Period = DAY, **changed: object) -> Content:
    there = Content(table, period, "b2-0123456789abcdef0123456789abcdef", 1000, 7, still=True)
    return replace(there, **changed)


def feed(**changed: object) -> FeedLineage:
    periods = tuple(FeedPeriod(content("checked/events", period), content("raw/events", period)) for period in DAYS)
    return replace(FeedLineage("events", "b2-all", 9, still=True, periods=periods), **changed)


def with_day(period: FeedPeriod) -> Lineage:
    return found(feeds=(feed(still=False, periods=(feed().periods[0], period)),))


def found(**changed: object) -> Lineage:
    place = "a rather long name of a place"
    keys = {"event_date": DAY.start_date, "origin": place, "destination": "another long name", "id": 7}
    row = {
        "predicted": "probability 0.2500, predicted negative",
        "model_version": "1",
        "run_id": "0123456789abcdef" * 2,
    }
    made = {"commit": "c" * 57, "code": "d" * 64}
    contents = {"prediction": content("predictions"), "features": content("features"), "feeds": (feed(),)}
    return replace(Lineage("toy", DAY, keys, **row, model=made, **contents), **changed)


def shown(lineage: Lineage) -> list[str]:
    """The lines that the command prints, on a console like its own."""
    console = Console(file=io.StringIO(), width=80, highlight=False, soft_wrap=True)
    cli_lineage.print_lineage_tree(console, lineage)
    return console.file.getvalue().splitlines()


def test_nothing_is_cut_off_at_eighty_columns():
    lines = shown(found())
    assert max(map(len, lines)) <= 80
    printed = " ".join(line.strip("│├└─ ") for line in lines)
    for said in (
        PREDICTED,
        "id=7",
        "d" * 64,
        "0123456789abcdef" * 2,
        content("x").digest,
    ):
        assert said in printed


def test_a_day_of_a_feed_is_one_line_and_the_last_line_sums_up():
    lines = shown(found())
    [line] = [line for line in lines if "2020-02-29" in line]
    assert line.endswith("2020-02-29  1,000 rows  checked v7 b2-01234567  raw v7 b2-01234567")
    last = "All inputs are unchanged since they were read: the features, and 2 days of 1 feeds."
    assert " ".join(line.strip() for line in lines[-2:]) == last


def test_a_day_that_changed_since_is_reported_in_full_and_on_the_last_line():
    corrected = FeedPeriod(content("checked/events", still=False), content("raw/events"))
    printed = " ".join(line.strip("│├└─ ") for line in shown(with_day(corrected)))
    assert f"checked/events of {DAY}: CHANGED since; was Delta version 7, 1,000 rows, {content('x').digest}" in printed
    assert printed.endswith(f"CHANGED since they were read: checked/events of {DAY}")


@pytest.mark.parametrize(
    ("lineage", "said"),
    [
        (found(features=None, feeds=()), "the commit of the predictions does not name them"),
        (found(feeds=()), "the commit that wrote them was not found"),
        (found(feeds=(feed(periods=(), unknown="Nothing holds what was read."),)), "Nothing holds what was read."),
        (with_day(FeedPeriod(content("checked/events"), None)), "commits that wrote some of the periods"),
        (with_day(FeedPeriod(content("checked/events", version=None, rows=None), None)), "commits that wrote some"),
    ],
)
def test_what_is_not_known_is_not_said_to_stand(lineage, said):
    last = shown(lineage)
    printed = " ".join(
        line.strip() for line in last[max(n for n, line in enumerate(last) if line.startswith("NOT everything")) :]
    )
    assert said in printed
    assert "All that it came from" not in " ".join(last)


def test_nothing_is_taken_for_markup():
    assert any("commit: [red]abc[/red]" in line for line in shown(found(model={"commit": "[red]abc[/red]"})))


@pytest.mark.parametrize(("words", "named"), [(["id"], ["'id'"]), (["id=1", "id=2"], ["'id'", "'1'", "'2'"])])
def test_words_that_are_no_clear_keys_are_refused(words, named):
    with raises(InvalidRequestError, *named):
        cli_lineage.parse_keys(words)
