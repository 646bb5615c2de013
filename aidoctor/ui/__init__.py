"""The page: its states, its parts, its addresses."""
