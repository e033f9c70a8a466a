"""The read model: the latest row of every route, exception and action in Redis."""
