"""The read model: the latest row of every route, shipment, exception and action in Redis."""
