"""A use case that joins the features of a group, and can be trained after a few days."""
