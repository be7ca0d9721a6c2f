"""Settings of the fuzzers, and strategies that damage valid content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

USUAL = 100
"""Examples of hypothesis' own profile; another profile runs more or fewer of all fuzzers in proportion."""
NUMBERS = [0, 1, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
"""At the limits of what a format can state."""
PIECE = 200
"""Bytes of a piece that is repeated or taken out, at most."""
Damage = Callable[[bytes], bytes]


def examples(count: int) -> settings:
    """Return the settings of a fuzzer that runs this many examples usually; the same ones each time."""
    scaled = max(1, count * settings.default.max_examples // USUAL)  # type: ignore[union-attr]
    return settings(
        max_examples=scaled,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def files_below(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by its path there."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _place(content: bytes, share: float) -> int:
    return int(share * len(content))


def _flip(share: float, bit: int) -> Damage:
    def damage(content: bytes) -> bytes:
        if not content:
            return content
        place = min(_place(content, share), len(content) - 1)
        return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]

    return damage


def _cut(share: float) -> Damage:
    return lambda content: content[: _place(content, share)]


def _remove(share: float, size: int) -> Damage:
    return lambda content: content[: _place(content, share)] + content[_place(content, share) + size :]


def _repeat(share: float, size: int, times: int) -> Damage:
    def damage(content: bytes) -> bytes:
        start = _place(content, share)
        return content[:start] + content[start : start + size] * times + content[start + size :]

    return damage


def _insert(share: float, inserted: bytes) -> Damage:
    return lambda content: content[: _place(content, share)] + inserted + content[_place(content, share) :]


def _overwrite(share: float, written: bytes) -> Damage:
    def damage(content: bytes) -> bytes:
        start = _place(content, share)
        return content[:start] + written + content[start + len(written) :]

    return damage


def _splice(share: float, other: bytes) -> Damage:
    return lambda content: content[: _place(content, share)] + other[_place(other, share) :]


def varint(number: int) -> bytes:
    """Return a number as Thrift and gzip's relatives write it: seven bits a byte."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


SHARES = st.floats(0, 1, exclude_max=True)
ENCODED_NUMBERS = st.sampled_from(NUMBERS).flatmap(
    lambda number: st.sampled_from(
        [varint(number), number.to_bytes(8, "little"), (number & (2**32 - 1)).to_bytes(4, "little"), b"%d" % number]
    )
)


def damages(others: Sequence[bytes], inserted: st.SearchStrategy[bytes]) -> st.SearchStrategy[Damage]:
    """Return ways to damage content: `others` are spliced into it, `inserted` are put into it or written over it."""
    pieces = st.one_of(inserted, ENCODED_NUMBERS)
    return st.one_of(
        st.builds(_flip, SHARES, st.integers(0, 7)),
        st.builds(_cut, SHARES),
        st.builds(_remove, SHARES, st.integers(1, PIECE)),
        st.builds(_repeat, SHARES, st.integers(1, PIECE), st.integers(2, 50)),
        st.builds(_insert, SHARES, pieces),
        st.builds(_overwrite, SHARES, pieces),
        st.builds(_splice, SHARES, st.sampled_from(others)),
    )


def _damaged(content: bytes, ways: Sequence[Damage]) -> bytes:
    for way in ways:
        content = way(content)
    return content


def damaged(contents: Sequence[bytes], ways: st.SearchStrategy[Damage], least: int = 1) -> st.SearchStrategy[bytes]:
    """Return one of the contents with `least` to four damages."""
    return st.builds(_damaged, st.sampled_from(contents), st.lists(ways, min_size=least, max_size=4))


def footer_damaged(contents: Sequence[bytes], ways: st.SearchStrategy[Damage]) -> st.SearchStrategy[bytes]:
    """Return a Parquet file whose footer was damaged, with the length that it then has: a reader parses it."""

    def rebuilt(content: bytes, applied: Sequence[Damage]) -> bytes:
        end = len(content) - 8
        start = end - int.from_bytes(content[end : end + 4], "little")
        footer = _damaged(content[start:end], applied)
        return content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1"

    return st.builds(rebuilt, st.sampled_from(contents), st.lists(ways, min_size=1, max_size=3))
