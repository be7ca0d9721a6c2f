"""Tests of the lake: its files, its schemas and its readers."""
