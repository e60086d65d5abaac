"""Everything that can be imported, as files that import again unchanged."""
