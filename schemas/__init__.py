"""The nouns on the wire: topics, closed vocabularies, one file per message."""
