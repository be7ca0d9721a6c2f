"""The use case of benchmarks/features.py: only its features are run."""
