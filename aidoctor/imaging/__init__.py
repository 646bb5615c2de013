"""Pictures: from the bytes that a person attaches to two clean copies, one to see, one to ask."""

from aidoctor.imaging.cleaner import ImageCleaner

__all__ = ["ImageCleaner"]
