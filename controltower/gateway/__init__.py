"""The HTTP front door for carriers that push and planners that send plans."""
