"""Evaluation: judge a trained model by its declared gates."""
