"""Write what the steps of `make bench` read, in a process of its own: then no measurement has its caches."""

import sys
from pathlib import Path

from benchmarks.steps import prepare

prepare(Path(sys.argv[1]), sys.argv[2:])
