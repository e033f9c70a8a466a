"""What spans routes: many exceptions of one place or one hub become the children of one parent."""
