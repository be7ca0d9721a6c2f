"""A module that cannot be imported, as one that somebody is just changing."""

raise RuntimeError("half written")
