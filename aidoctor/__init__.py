"""AI Doctor: a private doctor that people own, on their own machine alone."""

__version__ = "0.1.0"
