from __future__ import annotations

from dataclasses import replace

from tests.toy_use_case import USE_CASE as TOY

HOSTILE = "PLANTED\x1b[31m\r\n\u202e=cmd()FALSE\x9b2J\u2066"
"""An escape sequence, a line of its own, a change of the direction of writing, and a formula."""
USE_CASE = replace(TOY, objective=HOSTILE, notice=HOSTILE, links={HOSTILE: f"http://127.0.0.1/{HOSTILE}"})
