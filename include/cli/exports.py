"""`airworthy exports`: print what each destination got of a period's predictions."""

from __future__ import annotations

from rich.console import Console

from include.cli.escaping import print_line
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_use_case
from include.project import open_project
from include.scoring import export


def print_exports(console: Console, name: str, period: Period) -> None:
    """Print the receipts of each declared destination, oldest first.

    Raises:
        InvalidRequestError: the name is unknown.
        ReceiptCorruptedError: a receipt cannot be read.
    """
    project = open_project(load_use_case(name))
    if not project.use_case.exports:
        print_line(console, f"{name} declares no exports: its predictions are delivered nowhere.")
    for destination in project.use_case.exports:
        receipts = export.receipts_of(project, destination, period)
        print_line(console, destination.target, "bold")
        if not receipts:
            print_line(console, f"  no delivery of {period}", "yellow")
        for receipt in receipts:
            when = receipt.delivered_at.partition(".")[0].replace("T", " ")
            digest = receipt.digest[:12]
            print_line(
                console, f"  {when} UTC  {receipt.rows:,} rows of version {receipt.model_version}, digest {digest}"
            )
