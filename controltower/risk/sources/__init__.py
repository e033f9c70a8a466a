"""Where histories come from: recorded topics, GTFS folders, simulated days."""
