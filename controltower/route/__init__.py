"""The state of a route: where it is on its plan, and how one event changes it."""
