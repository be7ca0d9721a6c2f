"""Models and what made them: versions, ledger, digests of code."""
