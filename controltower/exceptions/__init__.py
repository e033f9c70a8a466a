"""The life of an exception: identity, transitions, severity."""
