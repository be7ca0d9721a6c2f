"""The shared feature groups, one package each."""
