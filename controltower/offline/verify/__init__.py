"""Live against replay: every input accounted for, every output as the folds would write it again."""
