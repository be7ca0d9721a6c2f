"""Compile Ibis expressions for Spark so that their values equal DuckDB's.

Where both compute another value, Spark is made to compute that of DuckDB; where that is not possible, the expression is
refused. Only an expression that DuckDB itself refuses, such as an overflow of a small integer, may have a value here.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import NULL
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.backends.sql.datatypes import PySparkType
from ibis.common.exceptions import UnsupportedOperationError

_MICROSECONDS = {
    "week": 604_800_000_000,
    "hour": 3_600_000_000,
    "minute": 60_000_000,
    "second": 1_000_000,
    "millisecond": 1_000,
    "microsecond": 1,
}
_LARGEST = 1e290
"""Beyond it, a float times a power of ten may overflow; it has no digits to round."""
_END_OF_INT64 = float(2**63)


class _Types(PySparkType):
    """Types of SQL: a timestamp without a time zone has none in Spark either."""

    @classmethod
    def _from_ibis_Timestamp(cls, dtype: dt.Timestamp) -> sge.DataType:
        kind = sge.DataType.Type.TIMESTAMPTZ if dtype.timezone else sge.DataType.Type.TIMESTAMPNTZ
        return sge.DataType(this=kind)


class ExactCompiler(PySparkCompiler):
    """Ibis' compiler for Spark, with the values of DuckDB."""

    __slots__ = ()
    type_mapper = _Types
    SIMPLE_OPS: ClassVar[dict[Any, str]] = {}  # Ibis would define the functions of its own list again, over these

    # -- arithmetic: Spark refuses a division by zero, and adds an int to a float32 as float64

    def visit_Add(self, op: Any, *, left: Any, right: Any) -> Any:
        _refuse_float32(op)
        return super().visit_Add(op, left=left, right=right)

    def visit_Subtract(self, op: Any, *, left: Any, right: Any) -> Any:
        _refuse_float32(op)
        return super().visit_Subtract(op, left=left, right=right)

    def visit_Multiply(self, op: Any, *, left: Any, right: Any) -> Any:
        _refuse_float32(op)
        return super().visit_Multiply(op, left=left, right=right)

    def visit_Divide(self, op: Any, *, left: Any, right: Any) -> Any:
        """Divide floats as IEEE 754 does: by zero to an infinity or NaN."""
        _refuse_float32(op)
        left, right = (
            side if value.dtype == dt.float64 else self.cast(side, dt.float64)
            for side, value in ((left, op.left), (right, op.right))
        )
        if _is_not_zero(op.right):
            return sge.paren(sge.paren(left) / sge.paren(right))
        # The second is null if a side is; otherwise the divisor is zero, with a sign.
        return self.f.coalesce(
            self.f.anon.try_divide(left, right), sge.paren(left) * self.f.anon.power(right, sge.convert(-1))
        )

    def visit_Modulus(self, op: Any, *, left: Any, right: Any) -> Any:
        """Return null for an integer modulo zero, NaN for a float."""
        _refuse_float32(op)
        rest = self.f.anon.try_mod(left, right)
        if not op.dtype.is_floating():
            return rest
        return self.f.coalesce(rest, sge.paren(left) * sge.paren(right) * self.cast("NaN", dt.float64))

    def visit_FloorDivide(self, op: Any, *, left: Any, right: Any) -> Any:
        ratio = self.visit_Divide(op, left=left, right=right)
        is_small = op.left.dtype.is_integer() and _is_not_zero(op.right)
        return self.cast(self.f.floor(ratio if is_small else self._within_int64(ratio)), op.dtype)

    def visit_Ceil(self, op: Any, *, arg: Any) -> Any:
        return self.cast(self.f.ceil(self._within_int64(self.cast(arg, dt.float64))), op.dtype)

    def visit_Floor(self, op: Any, *, arg: Any) -> Any:
        return self.cast(self.f.floor(self._within_int64(self.cast(arg, dt.float64))), op.dtype)

    def visit_Round(self, op: Any, *, arg: Any, digits: Any) -> Any:
        """Round a float as C does, half away from zero; Spark rounds its text."""
        if not op.arg.dtype.is_floating():
            return super().visit_Round(op, arg=arg, digits=digits)
        if op.digits is None:
            return self.cast(self.f.anon.round(arg, sge.convert(0)), op.dtype)
        _refuse_float32(op)
        if not isinstance(op.digits, ops.Literal):
            _refuse("round to a number of digits that is no constant", "Round to a constant number of digits")
        return self.if_(self.f.abs(arg) >= sge.convert(_LARGEST), arg, self._rounded(arg, op.digits.value))

    def _rounded(self, arg: Any, digits: int) -> Any:
        factor = self.cast(f"1e{abs(digits)}", dt.float64)
        scaled = sge.paren(arg) * factor if digits >= 0 else sge.paren(arg) / factor
        whole = self.f.anon.round(scaled, sge.convert(0))
        return sge.paren(whole / factor if digits >= 0 else whole * factor)

    def _within_int64(self, arg: Any) -> Any:
        """Return a float, or an error where it is NaN or no int64 holds its floor."""
        low, high = (self.cast(repr(end), dt.float64) for end in (-_END_OF_INT64, _END_OF_INT64))
        return self._required(sge.paren(arg) >= low, sge.paren(arg) < high, value=arg, problem="is no int64")

    # -- functions with a domain: Spark returns null or NaN outside

    def visit_Sqrt(self, op: Any, *, arg: Any) -> Any:
        return self._required(sge.paren(arg) >= 0, value=self.f.sqrt(arg), problem="has no square root")

    def visit_Ln(self, op: Any, *, arg: Any) -> Any:
        return self._positive(arg, self.f.ln(arg))

    def visit_Log2(self, op: Any, *, arg: Any) -> Any:
        return self._positive(arg, self.f.log2(arg))

    def visit_Log10(self, op: Any, *, arg: Any) -> Any:
        return self._positive(arg, self.f.log10(arg))

    def visit_Log(self, op: Any, *, arg: Any, base: Any) -> Any:
        value = super().visit_Log(op, arg=arg, base=base)
        value = self._positive(arg, value)
        return value if base is None else self._positive(base, value)

    def visit_Asin(self, op: Any, *, arg: Any) -> Any:
        return self._of_a_sine(arg, self.f.asin(arg))

    def visit_Acos(self, op: Any, *, arg: Any) -> Any:
        return self._of_a_sine(arg, self.f.acos(arg))

    def visit_Cot(self, op: Any, *, arg: Any) -> Any:
        return self._required(sge.paren(arg).neq(0), value=self.f.anon.cot(arg), problem="has no cotangent")

    def _positive(self, arg: Any, value: Any) -> Any:
        return self._required(sge.paren(arg) > 0, value=value, problem="has no logarithm")

    def _of_a_sine(self, arg: Any, value: Any) -> Any:
        return self._required(sge.paren(arg) >= -1, sge.paren(arg) <= 1, value=value, problem="is not between -1 and 1")

    def _required(self, *conditions: Any, value: Any, problem: str) -> Any:
        """Return a value; an error where a condition is false, but not where null."""
        broken = sge.not_(sge.and_(*conditions))
        return self.if_(broken, self.f.anon.raise_error(sge.convert(f"a number {problem}")), value)

    # -- casts: Spark cuts the fraction off, and writes numbers otherwise

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:
        return super().visit_Cast(op, arg=self._castable(op, arg, to), to=to)

    def visit_TryCast(self, op: Any, *, arg: Any, to: Any) -> Any:
        if op.arg.dtype.is_string():
            _refuse("try to read a text as another type", "Declare the type where the feed delivers it")
        return super().visit_TryCast(op, arg=self._castable(op, arg, to), to=to)

    def _castable(self, op: Any, arg: Any, to: Any) -> Any:
        """Return an argument whose cast by Spark equals DuckDB's of the original."""
        of = dt.float64 if isinstance(op.arg, ops.ExtractEpochSeconds) else op.arg.dtype
        if to.is_unsigned_integer():
            _refuse("use unsigned integers", "Use int64")
        if to.is_string() and (of.is_floating() or of.is_timestamp() or of.is_interval()):
            _refuse(f"write {of} as a text", "Cast it to an integer, a decimal or a date first")
        if of.is_timestamp() and to.is_numeric():
            _refuse("cast a timestamp to a number", "Use epoch_seconds()")
        if of.is_floating() and to.is_integer():
            return self.f.anon.rint(arg)
        if of.is_decimal() and to.is_integer():
            return self.f.anon.round(arg, sge.convert(0))
        if of.is_floating() and to.is_decimal():
            if of == dt.float32:
                _refuse_type()
            return self._rounded(arg, to.scale if to.scale is not None else self.type_mapper.default_decimal_scale)
        return arg

    # -- nulls: for Spark's compiler of Ibis, NaN is one

    def visit_IsNull(self, op: Any, *, arg: Any) -> Any:
        return arg.is_(NULL)

    def visit_NotNull(self, op: Any, *, arg: Any) -> Any:
        return arg.is_(sge.not_(NULL))

    def visit_IsNan(self, op: Any, *, arg: Any) -> Any:
        return self.if_(arg.is_(NULL), NULL, self.f.isnan(arg))

    def visit_IsInf(self, op: Any, *, arg: Any) -> Any:
        return self.f.abs(arg).eq(self.cast("Infinity", dt.float64))

    # -- texts: Java's cases of some letters are several letters, or depend on the place in a word

    def visit_Uppercase(self, op: Any, *, arg: Any) -> Any:
        return self._letter_by_letter(arg, self.f.upper(arg))

    def visit_Lowercase(self, op: Any, *, arg: Any) -> Any:
        return self._letter_by_letter(arg, self.f.lower(arg))

    def _letter_by_letter(self, arg: Any, value: Any) -> Any:
        same_length = self.f.length(value).eq(self.f.length(arg))
        no_sigma = self.f.anon.instr(arg, sge.convert("\u03a3")).eq(0)
        return self._required(same_length, no_sigma, value=value, problem="of letters changes with their case")

    # -- times

    def visit_DateAdd(self, op: Any, *, left: Any, right: Any) -> Any:
        return self.cast(super().visit_DateAdd(op, left=left, right=right), dt.timestamp)

    def visit_DateSub(self, op: Any, *, left: Any, right: Any) -> Any:
        return self.cast(super().visit_DateSub(op, left=left, right=right), dt.timestamp)

    def visit_DateDiff(self, op: Any, *, left: Any, right: Any) -> Any:
        return self.cast(self.f.anon.datediff(left, right), dt.int64)

    def visit_DateTruncate(self, op: Any, *, arg: Any, unit: Any) -> Any:
        return self.cast(super().visit_TimestampTruncate(op, arg=arg, unit=unit), dt.timestamp)

    def visit_ExtractSecond(self, op: Any, *, arg: Any) -> Any:
        return self.f.anon.second(arg)

    def visit_ExtractEpochSeconds(self, op: Any, *, arg: Any) -> Any:
        return sge.paren(self._microseconds(arg) / self.cast("1e6", dt.float64))

    def visit_TimestampDelta(self, op: Any, *, part: Any, left: Any, right: Any) -> Any:
        """Count the ends of a unit between two times; Spark counts whole units."""
        name = op.part.value if isinstance(op.part, ops.Literal) else ""
        if name == "week":
            return super().visit_TimestampDelta(op, part=part, left=left, right=right)
        numbers = [self._number(name, side) for side in (left, right)]
        return self.cast(sge.paren(numbers[0] - numbers[1]), dt.int64)

    visit_DateDelta = visit_TimestampDelta

    def _number(self, unit: str, arg: Any) -> Any:
        """Return the number of a time's unit since some beginning."""
        year = self.f.anon.year(arg)
        if unit == "day":
            return self.f.anon.unix_date(self.cast(arg, dt.date))
        if unit in _MICROSECONDS:
            count, size = self._microseconds(arg), sge.convert(_MICROSECONDS[unit])
            return sge.paren(sge.IntDiv(this=sge.paren(count - self.f.anon.pmod(count, size)), expression=size))
        numbers = {
            "year": year,
            "quarter": year * 4 + self.f.anon.quarter(arg),
            "month": year * 12 + self.f.anon.month(arg),
        }
        if unit not in numbers:
            _refuse(f"count units {unit!r} between two times", f"Use one of {[*numbers, 'day', *_MICROSECONDS]}")
        return sge.paren(numbers[unit])

    def _microseconds(self, arg: Any) -> Any:
        return self.f.anon.unix_micros(self.cast(arg, dt.Timestamp("UTC")))

    # -- aggregates

    def visit_Mean(self, op: Any, *, arg: Any, where: Any) -> Any:
        """Return the mean of decimals as a float, as DuckDB does."""
        return super().visit_Mean(op, arg=self.cast(arg, dt.float64) if op.arg.dtype.is_decimal() else arg, where=where)

    def visit_Median(self, op: Any, *, arg: Any, where: Any) -> Any:
        _refuse_quantile(op)
        return super().visit_Median(op, arg=arg, where=where)

    def visit_Quantile(self, op: Any, *, arg: Any, quantile: Any, where: Any) -> Any:
        _refuse_quantile(op)
        return super().visit_Quantile(op, arg=arg, quantile=quantile, where=where)

    visit_MultiQuantile = visit_Quantile

    def visit_Hash(self, op: Any, **_: Any) -> NoReturn:
        _refuse("hash values", "Use the values, or hexdigest()")

    def visit_Levenshtein(self, op: Any, **_: Any) -> NoReturn:
        _refuse("measure the distance of texts", "Leave it out")

    def _refuse_approximation(self, op: Any, **_: Any) -> NoReturn:
        _refuse("approximate", "Use the exact function, such as nunique(), median() or quantile()")

    visit_ApproxCountDistinct = visit_ApproxMedian = _refuse_approximation
    visit_ApproxQuantile = visit_ApproxMultiQuantile = _refuse_approximation


def _is_not_zero(value: Any) -> bool:
    return isinstance(value, ops.Literal) and value.value not in (None, 0)


def _refuse_float32(op: Any) -> None:
    """Refuse arithmetic with a float32, unless all of it is in float64."""
    numbers = [value.dtype for value in op.args if isinstance(value, ops.Value) and value.dtype.is_numeric()]
    if dt.float32 in [kind.copy(nullable=True) for kind in numbers]:
        _refuse_type()


def _refuse_quantile(op: Any) -> None:
    _refuse_float32(op)
    if op.arg.dtype.is_decimal():
        _refuse("interpolate decimals", 'Write .cast("float64") first')


def _refuse_type() -> NoReturn:
    _refuse("calculate with float32 as DuckDB does", 'Write .cast("float64") first')


def _refuse(what: str, instead: str) -> NoReturn:
    raise UnsupportedOperationError(f"Spark does not {what} with the same result as DuckDB. {instead}.")
