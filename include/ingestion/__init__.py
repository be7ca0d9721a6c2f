"""Ingestion: land what sources deliver, and check it."""
