"""AI Doctor: a private doctor that people own. One process on one's own machine, nothing leaves it."""

__version__ = "0.1.0"
