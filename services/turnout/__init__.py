"""Turnout: a cache-aware model router for coding agents."""

__version__ = "0.1.0"
