"""Evaluation sets: labels cleaned, duplicates out, and what is in them."""
