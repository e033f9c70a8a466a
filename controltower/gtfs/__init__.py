"""GTFS and GTFS-realtime folders as plans and position reports."""
