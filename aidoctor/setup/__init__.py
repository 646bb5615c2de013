"""Set-up: what AI Doctor needs, how it stands, and the steps that get it there."""
