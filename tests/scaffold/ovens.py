"""Invented bread, some of it burnt: a sample of another domain than any use case here."""

from __future__ import annotations

import csv
import math
import random
from datetime import date, timedelta
from pathlib import Path

FIRST = date(2024, 3, 1)
SUNDAY = 7


def write_ovens(path: Path, periods: int = 34, ovens: int = 12, delimiter: str = ",") -> Path:
    """One row per oven and day, except on Sundays; every third oven and rye burn more often."""
    random.seed(3)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerow(["baked_on", "oven", "recipe", "loaves", "°C at noon", "baker", "never", "burnt"])
        for period in (FIRST + timedelta(days=number) for number in range(periods)):
            for oven in range(ovens) if period.isoweekday() != SUNDAY else ():
                recipe, loaves = random.choice(["rye", "wheat", "spelt"]), random.randint(20, 200)
                score = (3 if oven % 3 == 0 else -3) + (1.5 if recipe == "rye" else -0.5) + (loaves - 110) / 80
                burnt = "yes" if random.random() < 1 / (1 + math.exp(-score)) else "no"
                degrees = round(random.gauss(230, 9), 1) if random.random() > 0.05 else ""
                rows.writerow([period, f"oven {oven:02}", recipe, loaves, degrees, random.choice("ABÇ"), "", burnt])
    return path
