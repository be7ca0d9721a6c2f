"""Keep the result of each validation, for the validation page.

A report is one file, `validations/<feed>/<period>.<outcome>.<rows>.<quarantined>.<content>.json` next to the tables:
refused periods have no partition that could hold it, and the names alone tell the outcome of a whole year. It depends
on the validated content and the suite only, so that a rerun changes nothing. It has counts and what table-level
expectations observed, and no row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from include import page_addresses, settings
from include.declaration.period import Period
from include.errors import AirworthyError
from include.ingestion.report_name import FOLDER, OUTCOMES, Outcome, ReportName
from include.ingestion.rule_result import RuleResult
from include.lake.lake import Lake
from include.lake.lake_format import mark_format
from include.lake.object_store import StoragePath
from include.lake.record_store import UNREADABLE, encode_record
from include.page_addresses import framed_page


class ReportUnreadableError(AirworthyError):
    """The report of a validation cannot be read."""

    def __init__(self, use_case: str, table: str, period: Period) -> None:
        self.use_case, self.table, self.period = use_case, table, period
        super().__init__(
            f"{use_case}: the report of the validation of {table} of {period} cannot be read. The rows are not"
            " affected. Clear the task that validated them to write it again."
        )


@dataclass(frozen=True)
class ValidationReport:
    """The result of the validation of one period.

    It is one of a feed, of features or of predictions.
    """

    outcome: Outcome
    rows: int
    quarantined: int
    """Rows that were set aside; of a refused period, rows that would be."""
    rules: tuple[RuleResult, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Reason to the rows that have it, those of corrections included; a row may have several."""
    refusals: tuple[str, ...] = ()
    """Why the period was refused; empty if it was published."""

    def to_json(self) -> bytes:
        """Return the content of its file; equal reports have equal content."""
        return encode_record(asdict(self))

    @classmethod
    def from_json(cls, content: bytes) -> ValidationReport:
        """Read the content of a file; its values have the declared types.

        Raises:
            ValueError, TypeError, KeyError: it is not the content of a report.
        """
        values = json.loads(content)
        if values["outcome"] not in OUTCOMES:
            raise ValueError(values["outcome"])
        return cls(
            values["outcome"],
            int(values["rows"]),
            int(values["quarantined"]),
            tuple(RuleResult.from_json(rule) for rule in values["rules"]),
            {str(reason): int(rows) for reason, rows in values["reasons"].items()},
            tuple(map(str, values["refusals"])),
        )


def content_of(digest: str) -> str:
    """Return the part of a name for a content's digest.

    It is the digest of the partition of a feed that was published, or of the landed rows of a period that was refused;
    features and predictions have none.
    """
    return hashlib.sha256(digest.encode()).hexdigest()[:12]


def write_report(lake: Lake, table: str, period: Period, digest: str, report: ValidationReport) -> None:
    """Write the report of a validation, unless an equal one exists.

    `table` is the name of a feed, `features` or `predictions`. It replaces the period's report of other content; if two
    processes write at once, both of theirs can stay.
    """
    mark_format(lake.root)
    name = ReportName(period.key, report.outcome, report.rows, report.quarantined, content_of(digest))
    folder, before = _folder(lake, table), list_reports(lake, table, f"{period.key}.")
    content = report.to_json()
    if name not in before or _content(folder / name.file) != content:
        (folder / name.file).write(content)
    for other in before:
        if other != name:
            (folder / other.file).remove()


def _content(place: StoragePath) -> bytes | None:
    """Return the content of a file; None if another process has removed it."""
    try:
        return place.read()
    except FileNotFoundError:
        return None


def has_report(lake: Lake, table: str, period: Period, digest: str) -> bool:
    """Return whether the published content of a period has a report."""
    return any(
        name.outcome == "published" and name.content == content_of(digest)
        for name in list_reports(lake, table, f"{period.key}.")
    )


def list_reports(lake: Lake, table: str, prefix: str = "") -> list[ReportName]:
    """Return the reports of a table, in order of periods, without reading them.

    `prefix` is the beginning of the periods' keys, such as a year.
    """
    return _parsed(_folder(lake, table).names(prefix))


def read_report(lake: Lake, table: str, name: ReportName) -> ValidationReport:
    """Read a report.

    Raises:
        ReportUnreadableError: its file is missing or damaged.
    """
    try:
        return ValidationReport.from_json((_folder(lake, table) / name.file).read())
    except (*UNREADABLE, FileNotFoundError) as error:
        raise ReportUnreadableError(lake.use_case.name, table, name.period) from error


def quarantined_counts(names: Iterable[ReportName], digests: Mapping[Period, str]) -> dict[Period, int]:
    """Return the quarantined rows of each period whose published content has a report.

    `digests` are those of the published partitions.
    """
    counts = {(name.key, name.content): name.quarantined for name in names if name.outcome == "published"}
    found = {period: counts.get((period.key, content_of(digest))) for period, digest in digests.items()}
    return {period: count for period, count in found.items() if count is not None}


def page_address(use_case: str, table: str, period: Period) -> str:
    """Return the address of a period's validation page.

    It is the path on Airflow's server if the settings have no address of it.
    """
    airflow = settings.current_settings().airflow
    return framed_page(airflow, page_addresses.VALIDATION, name=use_case, table=table, period=period.key)


def _parsed(files: Sequence[str]) -> list[ReportName]:
    return [name for file in files if (name := ReportName.parse(file)) is not None]


def _folder(lake: Lake, table: str) -> StoragePath:
    return lake.root / FOLDER / table
