"""Redact secrets in the texts of errors; in doubt, redact too much.

Airflow redacts the values of its Connections and Variables; this module covers other secrets.
"""

from __future__ import annotations

import re

LONGEST = 50_000
"""Most characters of a text; the rest is dropped."""
_NAMES = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|(?:access|account|private)[_-]?key|signature|credential"
)
"""Parts of the names of secrets."""
_QUOTE = r"\\?[\"']?"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|\\\"[^\"]*\"?|\\'[^']*'?"
_VALUE = rf"(?:{_QUOTED}|[^\s\"'\\]\S*?(?=[\"'](?:[\s,;:)}}\]]|$)|\s|$))"
"""A quoted text, or text up to the next space: an unquoted password may contain any other character."""
_RULES = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), "***"),
    # The user and password of an address: up to its last @, since a password may hold one, or a slash.
    (re.compile(r"(\w://)[^\s\"'<>]*@"), r"\1***@"),
    # A header whose whole value is secret: up to the end of the line, or of the quoted text.
    (re.compile(rf"(?i)((?:authorization|cookie){_QUOTE}[ \t]*[:=][ \t]*{_QUOTE})[^\"'\r\n]+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer[ \t]+)[\w.~+/=-]{8,}"), r"\1***"),
    (re.compile(rf"(?i)((?:{_NAMES})[\w-]{{0,40}}{_QUOTE}[ \t]*[:=][ \t]*){_VALUE}"), r"\1***"),
    (re.compile(r"(?i)([?&;]sig=)[^&\s]+"), r"\1***"),
)


def redact(text: str) -> str:
    """Remove passwords, tokens and keys, and make the text encodable.

    Their names or positions identify them.
    """
    if len(text) > LONGEST:
        kept = text[:LONGEST].rsplit(maxsplit=1)
        text = f"{kept[0] if len(kept) > 1 else ''} …"  # a word that is cut may be half a password
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text.encode(errors="replace").decode()
