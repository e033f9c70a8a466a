"""Delay risk: features, model, and the rule that stands in for it."""
