"""Define and check the types of a use case's declaration.

No module here imports a heavy library.
"""
