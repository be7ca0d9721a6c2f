"""Declare how long stored data are kept; the DAG `maintenance` applies it.

Never removed: the newest content of any day, all raw rows of a feed whose source says nothing about the past, the
ledger, claims, decisions, corrections, and registered versions with their models. Imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.field_types import require_field_types
from include.declaration.period import DAY
from include.declaration.problems import declared, require
from include.declaration.span import OptionalSpan, Span, count_spans, count_units

LONGEST_TASK_HOURS = 7
"""Upper limit of a task's duration: data that were current when it began must be kept until it ends."""
LETTERS_ARE_TRIED_DAYS = 7
"""Days in which sending an alert is retried (include/notifications/queue.py)."""


@declared
@dataclass(frozen=True)
class Retention:
    """Retention periods since data were created, finished or replaced.

    They are days of the clock, whatever the calendar, or timedeltas of whole days. The defaults are generous.
    """

    automatic: bool = False
    """Whether the DAG `maintenance` has a schedule, whose runs delete; without one only a user's run deletes."""
    superseded_days: Span = Span(30)
    """Days to keep superseded data files of a table, and files of writers that were killed."""
    champion_days: OptionalSpan = OptionalSpan(None)
    """Days that a former champion stays reproducible after the ledger last named it. None: for ever."""
    newest_versions: int = 10
    """Number of the newest other versions that stay reproducible."""
    run_days: Span = Span(180)
    """Days to keep MLflow runs without a registered version, studies included, and the data of runs and versions."""
    deleted_run_days: Span = Span(30)
    """Days in which a run that `maintenance` deleted can be restored with its artifacts."""
    log_days: Span = Span(90)
    """Days to keep logs of Airflow's tasks."""
    data_docs_days: Span = Span(180)
    """Days to keep Data Docs."""
    backtest_cache_days: Span = Span(90)
    """Days to keep the models of a replay; a missing one is trained again."""
    kept_rows_days: Span = Span(90)
    """Days to keep the ordered copy of a file after it was last read; a missing one is made again from the file."""
    notification_days: Span = Span(90)
    """Days to keep the text of alerts that are sent or given up. The fact that they were sent is kept."""

    cost_days: Span = Span(730)
    """Days to keep what each step cost, and what became of each period of a backfill."""
    compiled_days: Span = Span(90)
    """Days to keep compiled trees on the machine of the maintenance run; missing ones are compiled again."""

    def __post_init__(self) -> None:
        require_field_types(self)
        count_spans(self, lambda span: count_units(span, DAY), in_place=True)
        say = "Retention: "
        least = -(-LONGEST_TASK_HOURS // 24) + 1
        require(
            self.superseded_days >= least,
            say
            + f"superseded_days must be at least {least}: a task may run for {LONGEST_TASK_HOURS} hours and read the"
            " data that were current when it began; one more day allows for clocks that differ.",
            field="superseded_days",
        )
        require(
            self.run_days >= self.superseded_days,
            say + f"run_days={self.run_days} is below superseded_days={self.superseded_days}: a run that may still be"
            " registered would be deleted before the data that it was trained on.",
            field="run_days",
        )
        champion_days = self.champion_days
        require(
            champion_days is None or champion_days >= self.superseded_days,
            say
            + f"champion_days={champion_days} has no effect, because superseded_days={self.superseded_days} keeps the"
            f" data for longer: declare at least {self.superseded_days} days, or None to keep them for ever.",
            field="champion_days",
        )
        problem = "newest_versions must be at least 1, so that the newest version stays reproducible."
        require(self.newest_versions >= 1, say + problem, field="newest_versions")
        problem = "deleted_run_days must be at least 1, so that a mistake can be undone."
        require(self.deleted_run_days >= 1, say + problem, field="deleted_run_days")
        for name in (
            "log_days",
            "data_docs_days",
            "backtest_cache_days",
            "kept_rows_days",
            "cost_days",
            "compiled_days",
        ):
            require(getattr(self, name) >= 1, say + f"{name} must be at least 1.", field=name)
        require(
            self.notification_days > LETTERS_ARE_TRIED_DAYS,
            say + f"notification_days must be above {LETTERS_ARE_TRIED_DAYS}: sending an alert is retried for"
            f" {LETTERS_ARE_TRIED_DAYS} days.",
            field="notification_days",
        )

    def data_rules(self) -> list[str]:
        """Return the policy of a feature group's data as text, one rule per line."""
        return [
            f"Tables: superseded content of a day is deleted after {_days(self.superseded_days)}.",
            f"Task logs are deleted after {_days(self.log_days)}, Data Docs after {_days(self.data_docs_days)}, the"
            f" text of old alerts after {_days(self.notification_days)}, costs of steps after {_days(self.cost_days)}.",
        ]

    def rules(self) -> list[str]:
        """Return the policy of a use case as text, one rule per line."""
        champions = "every version that was ever champion"
        if self.champion_days is not None:
            champions = f"the champion, versions named champion within {_days(self.champion_days)}"
        return [
            f"Tables: superseded content of a period is deleted after {_days(self.superseded_days)}, unless a"
            " reproducible version was trained on it.",
            f"These versions stay reproducible: {champions}, the newest {self.newest_versions} of the others, and all"
            f" younger than {_days(self.run_days)}.",
            f"MLflow: runs without a registered version are deleted after {_days(self.run_days)}, and their artifacts"
            f" {_days(self.deleted_run_days)} later.",
            f"Task logs are deleted after {_days(self.log_days)}, Data Docs after {_days(self.data_docs_days)}, models"
            f" of a replay after {_days(self.backtest_cache_days)}, copies of files that were not read for"
            f" {_days(self.kept_rows_days)}, the text of old alerts after {_days(self.notification_days)}, costs of"
            f" steps after {_days(self.cost_days)}, compiled trees after {_days(self.compiled_days)}.",
        ]


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
