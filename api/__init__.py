"""The API: an event comes in, is kept, and staff act on what follows."""
