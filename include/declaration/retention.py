"""How long a use case keeps what it has stored: declared, checked when it is built, carried out by `maintenance`.

Never removed, whatever is declared: the newest content of any day, the ledger, claims, decisions, corrections, and
registered versions with their models. Imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, require

LONGEST_TASK_HOURS = 7
"""No task of ours runs longer (see dag.WAITING): what was current when it began must stay until it ends."""
LETTERS_ARE_TRIED_DAYS = 7
"""See storage/outbox.py: a younger alert may still have to be sent."""


@declared
@dataclass(frozen=True)
class Retention:
    """Days, counted from when something was made, ended or replaced; the defaults keep rather too much."""

    automatic: bool = False
    """Whether the DAG `maintenance` has a schedule, whose runs remove; without one only a person removes."""
    superseded_days: int = 30
    """What a day of a table held before it was replaced, whoever reads it; and files of writers that were killed."""
    champion_days: int | None = None
    """A version that flew stays reproducible so long after the ledger last named it. None: for ever."""
    newest_versions: int = 10
    """Of the other versions, so many of the newest stay reproducible."""
    run_days: int = 180
    """Runs in MLflow that became no version, studies among them; and the data of runs and versions this young."""
    deleted_run_days: int = 30
    """How long a run that was deleted by `maintenance` can still be restored with its artifacts."""
    log_days: int = 90
    """Logs of Airflow's tasks."""
    data_docs_days: int = 180
    """Data Docs of the days."""
    backtest_cache_days: int = 90
    """What a replay has trained; it is trained again where it is needed."""
    notification_days: int = 90
    """The text of alerts that nobody has to be sent any more. That they were told is kept."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = "Retention: "
        least = -(-LONGEST_TASK_HOURS // 24) + 1
        require(
            self.superseded_days >= least,
            say + f"superseded_days is {least} or more: a task may read for {LONGEST_TASK_HOURS} hours what was current"
            f" when"
            " it began, and a day more is for clocks that differ.",
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
            say + f"champion_days={champion_days} is below superseded_days={self.superseded_days}, which keeps the data"
            " anyway: declare as many days or more, or None for ever.",
            field="champion_days",
        )
        problem = "newest_versions is 1 or more: somebody will ask how it came about."
        require(self.newest_versions >= 1, say + problem, field="newest_versions")
        problem = "deleted_run_days is 1 or more, so that a mistake can be undone."
        require(self.deleted_run_days >= 1, say + problem, field="deleted_run_days")
        for name in ("log_days", "data_docs_days", "backtest_cache_days"):
            require(getattr(self, name) >= 1, say + f"{name} is 1 or more.", field=name)
        require(
            self.notification_days > LETTERS_ARE_TRIED_DAYS,
            say + f"notification_days is more than {LETTERS_ARE_TRIED_DAYS}: so long it is tried to send an alert.",
            field="notification_days",
        )

    def rules(self) -> list[str]:
        """The policy in words, a line each."""
        champions = "every version that ever flew"
        if self.champion_days is not None:
            champions = f"who flies now and who was named champion within {_days(self.champion_days)}"
        return [
            f"Tables: what a day held before it was replaced goes after {_days(self.superseded_days)}, unless a version"
            " that stays reproducible was trained on it.",
            f"Reproducible stay {champions}, the newest {self.newest_versions} of the others, and all that are younger"
            f" than {_days(self.run_days)}.",
            f"MLflow: runs that became no version are deleted after {_days(self.run_days)}, and their artifacts"
            f" {_days(self.deleted_run_days)} later.",
            f"Task logs go after {_days(self.log_days)}, Data Docs after {_days(self.data_docs_days)}, fits of a replay"
            f" after {_days(self.backtest_cache_days)}, the text of old alerts after {_days(self.notification_days)}.",
        ]


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
