"""Compile Ibis expressions for Spark so that results equal DuckDB's."""

from __future__ import annotations

from ibis.backends.sql.compilers.pyspark import PySparkCompiler


class ExactCompiler(PySparkCompiler):
    """Ibis' compiler for Spark, where Spark computes another value than DuckDB."""

    __slots__ = ()
