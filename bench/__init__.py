"""Every figure in the docs is printed by a command in here, beside what it is held to."""
