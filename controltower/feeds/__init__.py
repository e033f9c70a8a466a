"""Carrier bytes to normalized scans, or to a rejection with a named reason."""
