"""Validate a day of each feed; publish it with quarantine reasons, or refuse it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.declaration.suite import Suite
from include.errors import DataError, ExpectationFailedError, FeedRefusedError
from include.ingestion import corrections as correction_rows
from include.ingestion import data_docs, expectations, key_rules, row_ids, suites, validation_report
from include.ingestion.correction_errors import CorrectionsMissingError
from include.ingestion.correction_log import CorrectionLog, correction_inputs
from include.ingestion.correction_rows import BroughtRows, brought_rows
from include.ingestion.corrections import Correction
from include.ingestion.expectations import ExpectationResults
from include.ingestion.rule_result import RuleResult
from include.ingestion.validation_report import ValidationReport
from include.lake import batch_reader, schemas
from include.lake.snapshot import AsOfSnapshot
from include.lake.table_commit import Commit
from include.project import DataProject
from include.registry.code_parts import record_code
from include.registry.publishing_conditions import publishing_conditions

_NO_ROWS = "the source delivered no rows"


@dataclass(frozen=True)
class ValidationResult:
    """Row counts of a validated day of a feed.

    Each landed row is published or quarantined.
    """

    landed: int
    published: int
    quarantined: int
    commit: Commit


def validate_period(project: DataProject, period: Period, *, again: bool = False) -> dict[str, ValidationResult]:
    """Validate every feed of `period` and return the result of each, by feed name.

    Rows that were validated by the same code are not validated again, unless `again`.

    All feeds are validated before an error is raised, so one refused feed does not block the others.

    Raises:
        DataError: one or more feeds were refused.
    """
    use_case = project.use_case
    use_case.require(period)
    suites.check_suites(use_case)
    done: dict[str, ValidationResult] = {}
    refusals: list[DataError] = []
    for feed in use_case.feeds:
        try:
            done[feed.name] = check_feed(project, feed, period, again=again)
        except DataError as refusal:
            refusals.append(refusal)
    if project.settings.writes_data_docs:
        data_docs.write_index(use_case.name)
    if refusals:
        raise refusals[0] if len(refusals) == 1 else DataError("\n".join(map(str, refusals)))
    return done


def check_feed(project: DataProject, feed: Feed, period: Period, *, again: bool = False) -> ValidationResult:
    """Validate one feed of one day, unless its partition is unchanged.

    Raises:
        FeedRefusedError: the day as a whole is refused; nothing is published.
    """
    try:
        return _check(project, feed, period, again=again)
    except FeedRefusedError:
        # Rows published from an earlier delivery are no longer in raw. Withdraw them (the table's history keeps them),
        # so that no features are built from them.
        project.lake.remove_partition(f"checked/{feed.name}", period, stage="validate")
        raise


def _check(project: DataProject, feed: Feed, period: Period, *, again: bool) -> ValidationResult:
    use_case, began = project.use_case, time.process_time()
    raw, checked_table = f"raw/{feed.name}", f"checked/{feed.name}"
    lake, code = project.lake, record_code(project.lake, checked_table)
    view = lake.as_of(period)
    digest = view.digest(raw, period)
    corrections = CorrectionLog.open(project, feed.name).known_on(period)
    inputs = {raw: digest} | correction_inputs(feed.name, corrections)
    inputs |= publishing_conditions(use_case, checked_table, period)
    unchanged = None if again else lake.find_unchanged(checked_table, period, inputs=inputs, code=code)
    if unchanged and validation_report.has_report(lake, feed.name, period, unchanged.partition.digest):
        view.require_whole(raw, period)
        return _result(unchanged, expectations.broken_rows(_stored_reasons(view, checked_table)))
    landed = view.read(raw, since=period, order_by=schemas.sort_keys(use_case, raw)).drop(["period"])
    delivered, brought = _parted(use_case, feed, period, landed, corrections) if corrections else (landed, None)
    if delivered.num_rows == 0:
        if period not in feed.missing_periods:
            raise _refusal(project, feed, period, digest, ValidationReport("refused", 0, 0, refusals=(_NO_ROWS,)))
        reasons, rules = pa.array([], schemas.REASONS.type), tuple[RuleResult, ...]()
    else:
        judgement = _judged(project, feed, period, delivered, digest)
        reasons, rules = judgement.reasons, judgement.rules
    checked = delivered.append_column(schemas.REASONS, reasons)
    if brought is not None:
        again = _judged_again(use_case, feed, period, delivered, brought, correction_rows.waived_rules(corrections))
        checked = pa.concat_tables([checked, brought.rows.append_column(schemas.REASONS, again)])
        reasons = checked[schemas.REASONS.name].combine_chunks()
    commit = lake.replace(
        *(checked_table, period, checked),
        inputs=inputs,
        versions={raw: view.version(raw)},
        stage="validate",
        code=code,
        cpu_since=began,
    )
    quarantined = expectations.broken_rows(reasons)
    report = ValidationReport(
        "published", commit.partition.rows, quarantined, rules, expectations.count_failures(reasons)
    )
    validation_report.write_report(lake, feed.name, period, commit.partition.digest, report)
    return _result(commit, quarantined)


def _result(commit: Commit, quarantined: int) -> ValidationResult:
    rows = commit.partition.rows
    return ValidationResult(rows, rows - quarantined, quarantined, commit)


def _stored_reasons(view: AsOfSnapshot, checked: str) -> pa.Array:
    """Return the reasons of the rows of the view's day."""
    batches = batch_reader.row_batches(view, checked, view.period, [schemas.REASONS.name])
    return pa.chunked_array([batch[schemas.REASONS.name] for batch in batches], schemas.REASONS.type).combine_chunks()


def _parted(
    use_case: DataDeclaration, feed: Feed, period: Period, landed: pa.Table, corrections: Sequence[Correction]
) -> tuple[pa.Table, BroughtRows]:
    """Split the landed rows into those of the source and those of corrections.

    Raises:
        CorrectionsMissingError: the day was landed without all of its corrections.
    """
    brought = brought_rows(landed.schema, corrections, feed.personal or ())
    places = correction_rows.correction_places(landed, brought.rows, feed.keys[0])
    if places is None:
        raise CorrectionsMissingError(use_case.name, feed.name, period, len(corrections))
    others = np.ones(landed.num_rows, dtype=bool)
    others[places] = False
    return landed.filter(pa.array(others)), brought


def _judged_again(
    use_case: DataDeclaration,
    feed: Feed,
    period: Period,
    delivered: pa.Table,
    brought: BroughtRows,
    waived: Sequence[Sequence[str]],
) -> pa.Array:
    """Return the reasons of corrected rows, judged together with the delivered ones.

    Delivered rows and table-level rules are judged without corrections, so a correction can neither cause a day to be
    refused nor quarantine a row of the source.
    """
    rows = pa.concat_tables([delivered, brought.rows])
    suite = Suite(rows=suites.load_suite(use_case, feed).rows)
    judgement = expectations.judge_rows(
        suite, rows, f"{use_case.name} {feed.name} {period} corrections", personal=feed.personal or ()
    )
    if judgement.raised:
        raise ExpectationFailedError(use_case.name, feed.name, period, judgement.raised)
    broken = judgement.reasons.slice(delivered.num_rows).to_pylist()
    keys = row_ids.correction_tuples(rows.select([*feed.keys]))
    judged = correction_rows.judge_corrections(broken, waived, keys[delivered.num_rows :], keys[: delivered.num_rows])
    for reasons, key, unheld in zip(judged, keys[delivered.num_rows :], brought.unheld, strict=True):
        missing = [name for name, value in zip(feed.keys, key, strict=True) if value is None]
        reasons[:0] = [*unheld, *map(key_rules.null_key_reason, missing)]
    return pa.array(judged, schemas.REASONS.type)


def _judged(project: DataProject, feed: Feed, period: Period, delivered: pa.Table, digest: str) -> ExpectationResults:
    """Judge the delivered rows by the rules about keys and by the feed's suite.

    `digest` is that of the landed rows.

    Raises:
        SuiteError: the suite cannot be used.
        ExpectationFailedError: an expectation raised.
        FeedRefusedError: the day breaks a table-level expectation, or too many rows would be quarantined.
    """
    use_case = project.use_case
    suite = suites.load_suite(use_case, feed)
    name = f"{use_case.name} {feed.name} {period}"
    judgement = expectations.judge_rows(suite, delivered, name, feed.keys, feed.personal or ())
    if judgement.raised:
        raise ExpectationFailedError(use_case.name, feed.name, period, judgement.raised)
    if project.settings.writes_data_docs:
        data_docs.write_data_docs(use_case.name, feed.name, period, digest, judgement.document)
    broken = [str(rule) for rule in judgement.broken]
    rows, quarantined = delivered.num_rows, judgement.quarantined
    reasons = expectations.count_failures(judgement.reasons)
    if quarantined / rows > feed.max_quarantined:
        broken.append(
            f"{quarantined} of {rows} rows ({quarantined / rows:.1%}) would be quarantined, above the feed's"
            f" max_quarantined of {feed.max_quarantined:.1%}: "
            + "; ".join(f"{count} × {reason}" for reason, count in reasons.items())
        )
    if broken:
        report = ValidationReport("refused", rows, quarantined, judgement.rules, reasons, tuple(broken))
        raise _refusal(project, feed, period, digest, report)
    return judgement


def _refusal(
    project: DataProject, feed: Feed, period: Period, digest: str, report: ValidationReport
) -> FeedRefusedError:
    """Keep the report of a refused period, and return the error to raise."""
    validation_report.write_report(project.lake, feed.name, period, digest, report)
    page = validation_report.page_address(project.use_case.name, feed.name, period)
    return FeedRefusedError(project.use_case.name, feed.name, period, report.refusals, page)
