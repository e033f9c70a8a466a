"""Known events put into the trips of a recorded day, to see whether the rules hold on others than they were
chosen on: `python -m tests.injection --seed 7 --out DIR`."""
