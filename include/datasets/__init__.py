"""Read shipped sample data, for the use cases that share them."""
