"""Refuse a period whose features or predictions break an expectation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.suite import Suite
from include.errors import ExpectationFailedError
from include.ingestion import data_docs, expectations, suites, validation_report
from include.ingestion.expectations import ExpectationResults
from include.ingestion.rule_result import RuleResult
from include.ingestion.validation_report import ValidationReport
from include.lake import content_digest, schemas
from include.lake.lake import Lake
from include.lake.storable_values import row_text
from include.validation.errors import BrokenExpectation, PeriodRefusedError
from include.validation.tallies import Tally

_REMEDY = (
    "Correct what made the rows, and run the period again. If the rows are right, change the expectation in the"
    " function {table!r} of expectations.py."
)


@dataclass(frozen=True)
class PeriodJudge:
    """Judges the rows of one period by a declared suite and the default expectations."""

    lake: Lake
    table: str
    period: Period
    suite: Suite
    tally: Tally
    is_shown: bool = True
    """Whether the report is kept for the validation page, which shows what is published."""

    @property
    def use_case(self) -> DataDeclaration:
        """Return the use case or feature group."""
        return self.lake.use_case

    def judged(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches; refuse the period when the last one was read.

        Rows are kept in memory only if expectations are declared. The report of the validation is kept in any case.

        Raises:
            PeriodRefusedError: the rows break an expectation.
            ExpectationFailedError: an expectation raised.
        """
        is_declared, kept, rows = bool(self.suite.rows or self.suite.table), list[pa.RecordBatch](), 0
        for batch in batches:
            rows += batch.num_rows
            if is_declared:
                kept.append(batch)
            yield batch
        broken = self.tally.broken(self.suite)
        rules = [RuleResult(one.expectation, "table", False, 0, one.observed) for one in broken]
        if any(batch.num_rows for batch in kept):
            results, of_suite = self._judge_suite(kept)
            broken += of_suite
            rules += results.rules
        if self.is_shown:
            self._report(rows, rules, broken)
        if broken:
            shown = validation_report.page_address(self.use_case.name, self.table, self.period)
            page = shown if self.is_shown else None
            raise PeriodRefusedError(self.use_case.name, self.table, self.period, broken, page)

    def _report(self, rows: int, rules: Sequence[RuleResult], broken: Sequence[BrokenExpectation]) -> None:
        refusals = tuple(f"{one.expectation} (observed: {one.observed})" for one in broken)
        report = ValidationReport("refused" if broken else "published", rows, 0, tuple(rules), {}, refusals)
        validation_report.write_report(self.lake, self.table, self.period, "", report)

    def _judge_suite(self, batches: Sequence[pa.RecordBatch]) -> tuple[ExpectationResults, list[BrokenExpectation]]:
        """Return the judgement by the suite, and the broken expectations."""
        rows = pa.Table.from_batches(batches)
        name = self.use_case.name
        personal = self.use_case.personal_columns
        results = expectations.judge_rows(self.suite, rows, f"{name} {self.table} {self.period}", personal=personal)
        if results.raised:
            raise ExpectationFailedError(name, self.table, self.period, results.raised)
        if self.is_shown and data_docs.are_written():
            digest = content_digest.digest_table(rows)
            data_docs.write_data_docs(name, self.table, self.period, digest, results.document)
            data_docs.write_index(name)
        return results, [*self._broken_rows(rows, results), *self._broken_table(results)]

    def _broken_rows(self, rows: pa.Table, results: ExpectationResults) -> Iterator[BrokenExpectation]:
        """Yield the row-level expectations that rows break: no row may be left out."""
        keys = schemas.row_keys(self.use_case, self.table)
        listed = results.reasons.to_pylist()
        for reason, count in expectations.count_failures(results.reasons).items():
            place = next(number for number, reasons in enumerate(listed) if reason in reasons)
            first = row_text(
                rows.slice(place, 1).combine_chunks().to_batches()[0], 0, keys, self.use_case.personal_columns
            )
            observed = f"{count:,} of {rows.num_rows:,} rows that break it, the first {first}"
            yield BrokenExpectation(reason, observed, self._remedy)

    def _broken_table(self, results: ExpectationResults) -> Iterator[BrokenExpectation]:
        for one in results.broken:
            yield BrokenExpectation(one.expectation, one.observed, self._remedy)

    @property
    def _remedy(self) -> str:
        return _REMEDY.format(table=suites.SUITE_OF.get(self.table, self.table))


def judge_of(lake: Lake, table: str, period: Period, tally: Tally) -> PeriodJudge:
    """Return the judge of the features or predictions of a period.

    Predictions in shadow are judged by the suite of predictions.

    Raises:
        BrokenUseCaseError: expectations.py cannot be imported.
        SuiteError: the declared suite cannot be used.
    """
    suite = suites.load_table_suite(lake.use_case, suites.SUITE_OF.get(table, table))
    return PeriodJudge(lake, table, period, suite, tally, is_shown=table not in suites.SUITE_OF)
