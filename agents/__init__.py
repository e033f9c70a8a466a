"""The pipes: one stage per file, the map of the flow, and the command line."""
