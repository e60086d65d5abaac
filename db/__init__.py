"""The contract between the rooms: the schema, its migrations, its grants, and how to reach it."""
