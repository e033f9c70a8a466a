"""A deterministic simulation of a stage under faults: the product's own code on a small model of Kafka.

Run `python -m tests.fault.simulation --help`; docs/simulation.md says what is modelled and what is not.
"""
