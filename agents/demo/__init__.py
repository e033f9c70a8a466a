"""The parts of the demo: stream a simulated day, watch what the stages make of it, judge it at the end."""
