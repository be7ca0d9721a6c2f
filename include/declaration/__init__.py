"""Types of a declaration: what a use case may say, checked when it is said. Nothing here imports a heavy library."""
