"""A package of a use case all of whose feeds are delivered: it has no source.py."""
