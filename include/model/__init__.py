"""Pure machine learning and statistics: numbers and frames in, values out."""
