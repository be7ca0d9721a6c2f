"""Work many past periods in few processes, and list what is left."""
