"""The log of each shipment: which route carries it, and its scans passed on to that route."""
