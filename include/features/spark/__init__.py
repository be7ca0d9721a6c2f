"""Compute features on Spark, for periods too large for one machine.

Nothing of it is imported unless a use case declares `engine="spark"`.
"""
