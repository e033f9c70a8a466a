"""A seeded city and its delivery days: input for the demo, labels for training, truth for scoring."""
