"""Redaction: what an error says, without what would open a door; rather too much is blackened than too little.

Airflow blackens what its Connections and Variables hold; this is for what comes from elsewhere.
"""

from __future__ import annotations

import re

LONGEST = 50_000
"""Characters of a text that are looked at; what follows is dropped."""
_NAMES = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|(?:access|account|private)[_-]?key|signature|credential"
)
"""What the names of secrets contain."""
_QUOTE = r"\\?[\"']?"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|\\\"[^\"]*\"?|\\'[^']*'?"
_VALUE = rf"(?:{_QUOTED}|[^\s\"'\\]\S*?(?=[\"'](?:[\s,;:)}}\]]|$)|\s|$))"
"""In quotes, or up to the next space: an unquoted password may hold anything else."""
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
    """The text without passwords, tokens and keys, as far as their names or places give them away; and encodable."""
    if len(text) > LONGEST:
        kept = text[:LONGEST].rsplit(maxsplit=1)
        text = f"{kept[0] if len(kept) > 1 else ''} …"  # a word that is cut may be half a password
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text.encode(errors="replace").decode()
