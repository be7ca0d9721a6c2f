"""Validate: hold a day of each feed against its expectations; publish with the reasons, or refuse the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from include.errors import BadData, ExpectationBroken, FeedRefused
from include.logic import validation
from include.logic.validation import Judgement
from include.storage import data_docs, schemas
from include.storage.lake import Commit, Lake
from include.use_case import Feed, UseCase


@dataclass(frozen=True)
class Validated:
    """A day of a feed: every landed row is either published or quarantined with its reasons."""

    landed: int
    published: int
    quarantined: int
    commit: Commit


def run(use_case: UseCase, day: date) -> dict[str, Validated]:
    """Validate every feed of `day`; feed name to result.

    All feeds are judged before the first refusal is raised: one bad feed does not hold back the others.
    """
    use_case.require(day)
    done: dict[str, Validated] = {}
    refusals: list[BadData] = []
    for feed in use_case.feeds:
        try:
            done[feed.name] = check(use_case, feed, day)
        except BadData as refusal:
            refusals.append(refusal)
    data_docs.write_index(use_case.name)
    if refusals:
        raise refusals[0] if len(refusals) == 1 else BadData("\n".join(map(str, refusals)))
    return done


def check(use_case: UseCase, feed: Feed, day: date) -> Validated:
    """Validate one feed of one day. FeedRefused where the day as a whole is bad; nothing is then published."""
    try:
        return _check(use_case, feed, day)
    except FeedRefused:
        # What was published of an earlier delivery is not what has landed: it is withdrawn (the table's history keeps
        # it), or days would go on to be built from rows that no longer stand in raw.
        lake = Lake.of(use_case)
        none = schemas.content(use_case, f"checked/{feed.name}").empty_table()
        lake.replace(f"checked/{feed.name}", day, none, inputs={}, stage="validate")
        raise


def _check(use_case: UseCase, feed: Feed, day: date) -> Validated:
    lake = Lake.of(use_case)
    view = lake.as_of(day)
    raw = f"raw/{feed.name}"
    landed = view.read(raw, since=day, order_by=schemas.keys(use_case, raw)).drop(["day"])
    digest = view.digest(raw, day)
    if landed.num_rows == 0:
        if day not in feed.absent_days:
            raise FeedRefused(use_case.name, feed.name, day, ["the source delivered no rows"])
        reasons = pa.array([], schemas.REASONS.type)
    else:
        reasons = _judged(use_case, feed, day, landed, digest).reasons
    checked = landed.append_column(schemas.REASONS, reasons)
    commit = lake.replace(
        f"checked/{feed.name}", day, checked, inputs={raw: digest}, versions={raw: view.version(raw)}, stage="validate"
    )
    quarantined = validation.broken_rows(reasons)
    return Validated(landed.num_rows, landed.num_rows - quarantined, quarantined, commit)


def _judged(use_case: UseCase, feed: Feed, day: date, landed: pa.Table, digest: str) -> Judgement:
    suite = use_case.function("expectations", feed.name)()
    judgement = validation.judge(suite, landed, f"{use_case.name} {feed.name} {day}")
    if judgement.raised:
        raise ExpectationBroken(use_case.name, feed.name, day, "; ".join(judgement.raised))
    page = data_docs.write(use_case.name, feed.name, day, digest, judgement.document)
    broken = list(judgement.broken)
    share = judgement.quarantined / landed.num_rows
    if share > feed.max_quarantined:
        broken.append(
            f"{judgement.quarantined} of {landed.num_rows} rows ({share:.1%}) would be quarantined, above the feed's"
            f" max_quarantined of {feed.max_quarantined:.1%}: {validation.counts(judgement.reasons)}"
        )
    if broken:
        raise FeedRefused(use_case.name, feed.name, day, broken, str(page))
    return judgement
