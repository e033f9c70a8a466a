"""What to do about an exception: policy as data, governed decisions, the life of an action."""
