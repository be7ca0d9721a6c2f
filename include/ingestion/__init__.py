"""Ingest the rows that sources deliver, and validate them."""
