"""The decisions of the control tower, and the edges that carry them."""
