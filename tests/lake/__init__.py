"""Tests of the lake: its files, its schemas and what is read of them."""
