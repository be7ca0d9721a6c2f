"""Deliveries: whether the files of a day are still those that it was landed from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from include.lake import content_digest

What = Literal["added", "changed", "removed"]
Mark = tuple[int, str]
"""What a listing tells of an object's content: its size in bytes, and its ETag."""


@dataclass(frozen=True)
class Redelivery:
    """Files of a day that are not those which have landed."""

    feed: str
    day: date
    files: Mapping[str, What]
    """Key to what became of it, in order of keys."""
    state: str
    """Digest of the listing that was seen: another change is another redelivery."""

    def __str__(self) -> str:
        words = ", ".join(f"{key} ({what})" for key, what in list(self.files.items())[:5])
        more = len(self.files) - 5
        return f"feed {self.feed!r} of {self.day}: {words}" + (f" and {more} more" if more > 0 else "")


def compare_files(feed: str, day: date, landed: Mapping[str, Mark], there: Mapping[str, Mark]) -> Redelivery | None:
    """What became of a day's files since they have landed (key to mark); None where they are the same.

    An ETag is also another where the same bytes were uploaded again in other parts.
    """
    found: dict[str, What] = {}
    for key in sorted({*landed, *there}):
        if key not in landed:
            found[key] = "added"
        elif key not in there:
            found[key] = "removed"
        elif landed[key] != there[key]:
            found[key] = "changed"
    return (
        Redelivery(feed, day, found, content_digest.digest_values({key: there[key] for key in sorted(there)}))
        if found
        else None
    )


def is_flooded(feed: str, day: date, where: str, most: int) -> Redelivery:
    """Return the redelivery of a day under whose prefix there are more objects than are listed."""
    what = f"{where}, where there are more than {most:,} objects"
    return Redelivery(feed, day, {what: "added"}, content_digest.digest_values({what: 0}))


def redelivery_advice(use_case: str, feed: str, day: date) -> str:
    """What a person can do about files that changed after their day had landed."""
    return (
        f"What has landed stands, and so does all that was decided on it. To correct rows of {feed!r}, deliver them"
        f" with a later day's files: they become known on that day. To take the files of {day} as they are now, run"
        f" {use_case}__data for the day with take_changed; what was built from it before stays until it is run again."
    )
