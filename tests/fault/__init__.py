"""Faults injected into real stage processes on a real Kafka, and a judge who reads only the topics."""
