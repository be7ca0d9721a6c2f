"""A package of a use case whose feeds are all delivered as files: it has no source.py."""
