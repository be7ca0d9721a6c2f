"""Gates whose judgement needs more than test rows, one module for each kind."""
