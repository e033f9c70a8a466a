"""One rule per file: pure state machines with two thresholds, N-of-M evidence and an explicit clear."""
