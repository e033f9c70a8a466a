"""The line haul of a shipment that no route carries yet: how far it has come, and how likely it is late."""
