"""The conversations, kept on this machine. `Store` is the whole of it for everybody else."""

from aidoctor.store.store import Store

__all__ = ["Store"]
