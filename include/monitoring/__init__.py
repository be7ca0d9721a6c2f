"""What is measured of a version in flight, and from where on it is a breach."""
