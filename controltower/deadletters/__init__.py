"""Dead letters: what was rejected, why, and the way back into the intake."""
