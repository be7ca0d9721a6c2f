"""Say of an error of a database whether another try may help.

The module imports nothing heavy.
"""

from __future__ import annotations

from include.errors import TEXT_SHOWN, shorten

_PASSING_STATES = ("08", "40", "53", "55P03", "57P")
"""Beginnings of SQLSTATE codes for lost connections, conflicts, full resources, locks and a server that stops."""
_LASTING = (
    *("authentication failed", "access denied", "no password supplied", "no pg_hba.conf entry", "permission denied"),
    *("no such table", "no such column", "syntax error", "unable to open database file", "not a database"),
    *("does not exist", "unknown database", "readonly database"),
)
"""Words, in lower case, of errors without a code that another try does not change."""
_CREDENTIALS = ("authentication failed", "access denied", "no password supplied", "no pg_hba.conf entry")


def is_temporary(error: BaseException) -> bool:
    """Return whether an error of SQLAlchemy is one of the connection.

    After such an error, another try may help.
    """
    if getattr(error, "connection_invalidated", False):
        return True
    original = getattr(error, "orig", None) or error
    state = getattr(original, "pgcode", None) or getattr(original, "sqlstate", None)
    if state:
        return str(state).startswith(_PASSING_STATES)
    if any(words in str(original).lower() for words in _LASTING):
        return False
    return type(error).__name__ in ("OperationalError", "InterfaceError", "TimeoutError")


def are_credentials(error: BaseException) -> bool:
    """Return whether an error says that user or password are wrong."""
    original = getattr(error, "orig", None) or error
    state = str(getattr(original, "pgcode", None) or getattr(original, "sqlstate", None) or "")
    return state.startswith("28") or any(words in str(original).lower() for words in _CREDENTIALS)


def in_one_line(error: BaseException) -> str:
    """Return the database's own message, without the statement and its values."""
    original = getattr(error, "orig", None) or error
    return shorten(" ".join(str(original).split()).rstrip("."), TEXT_SHOWN) or type(original).__name__
