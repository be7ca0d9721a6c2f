"""Build features and labels."""
