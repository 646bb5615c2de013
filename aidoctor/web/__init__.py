"""The server, its guard, and the routes for data that pages fetch themselves."""
