"""Use cases whose feeds are delivered into a bucket; only the tests of landing know them."""
