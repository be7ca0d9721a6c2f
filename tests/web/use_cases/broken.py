"""A module that cannot be imported, such as one that is being edited."""

raise RuntimeError("half written")
