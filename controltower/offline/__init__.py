"""The stages without a broker: replay of a day, recordings, and the check of live against replay."""
