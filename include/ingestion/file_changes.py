"""Compare the files of a day with those that it was landed from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from include.declaration.period import Period
from include.lake import content_digest

What = Literal["added", "changed", "removed"]
Mark = tuple[int, str]
"""Size in bytes and ETag: what a listing contains about an object's content."""


@dataclass(frozen=True)
class Redelivery:
    """Files of a day that differ from the landed ones."""

    feed: str
    period: Period
    files: Mapping[str, What]
    """Key to its change, in order of keys."""
    state: str
    """Digest of the listing: another change is another redelivery."""

    def __str__(self) -> str:
        words = ", ".join(f"{key} ({what})" for key, what in list(self.files.items())[:5])
        more = len(self.files) - 5
        return f"feed {self.feed!r} of {self.period}: {words}" + (f" and {more} more" if more > 0 else "")


def compare_files(
    feed: str, period: Period, landed: Mapping[str, Mark], listed: Mapping[str, Mark]
) -> Redelivery | None:
    """Return the changes of a day's files since it was landed (key to mark), or None.

    The ETag also changes if the same bytes are uploaded again in parts of other sizes.
    """
    changes: dict[str, What] = {}
    for key in sorted({*landed, *listed}):
        if key not in landed:
            changes[key] = "added"
        elif key not in listed:
            changes[key] = "removed"
        elif landed[key] != listed[key]:
            changes[key] = "changed"
    if not changes:
        return None
    return Redelivery(feed, period, changes, content_digest.digest_values({key: listed[key] for key in sorted(listed)}))


def is_flooded(feed: str, period: Period, where: str, most: int) -> Redelivery:
    """Return the redelivery of a day with more objects than are listed."""
    what = f"{where}, where there are more than {most:,} objects"
    return Redelivery(feed, period, {what: "added"}, content_digest.digest_values({what: 0}))


def redelivery_advice(use_case: str, feed: str, period: Period) -> str:
    """Return advice about files that changed after their day was landed."""
    return (
        f"The landed rows and all decisions based on them are kept. To correct rows of {feed!r}, deliver them with a"
        f" later period's files: they become known in that period. To use the files of {period} as they are now, run"
        f" {use_case}__data for the period with take_changed; tables built from it are kept until they are run again."
    )
