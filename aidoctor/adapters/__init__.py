"""Engines behind the ports; only an adapter imports its library."""
