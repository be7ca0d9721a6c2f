"""Bring years of history live, in order of time.

That is its data, trainings, scores, metrics and decisions.
"""
