"""Records: small files that are made once, whole or not at all, and never changed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def create(path: Path, content: bytes) -> bool:
    """Make the file with all of its content, unless it is there already; whether it was made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=True) as temporary:
        temporary.write(content)
        temporary.flush()
        os.fsync(temporary.fileno())
        try:
            os.link(temporary.name, path)  # fails where the name is taken: a rename would replace it
        except FileExistsError:
            return False
    return True
