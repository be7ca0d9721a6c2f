"""The use cases of the end-to-end test of alerts."""
