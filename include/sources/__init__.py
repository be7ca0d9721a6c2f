"""Sources that need no function of a use case's own: what others deliver, read as it is declared."""
