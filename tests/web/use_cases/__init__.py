"""Use cases for the tests of the page."""
