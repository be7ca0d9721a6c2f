"""The use cases of this installation, one package each."""
