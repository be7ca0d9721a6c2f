"""Register, approve, promote, roll back, restore."""
