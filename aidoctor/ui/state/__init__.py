"""What each page knows: thin states over the open practice. Tokens never pass through here."""
