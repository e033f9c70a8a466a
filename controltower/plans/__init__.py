"""Plans of routes: what is wrong with one, how its file is read, what it looks like."""
