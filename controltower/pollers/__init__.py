"""Carriers that must be asked: HTTP sources polled into carrier-events."""
