"""One exception in plain words and as a picture, from the topics of a broker or from a recording."""
