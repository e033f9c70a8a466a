"""How each feed does: pulses per slot, a feed's own rhythm, the verdict that it is down."""
