"""A dispatch system as the reference for others: what it may answer, and when."""
