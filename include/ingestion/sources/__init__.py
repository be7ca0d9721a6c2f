"""Read the rows of a declared source: one module for each kind."""
