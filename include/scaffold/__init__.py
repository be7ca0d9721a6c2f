"""Write the folder of a new use case from a sample of its data: `airworthy new`."""
