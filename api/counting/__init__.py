"""Count sessions: a place counted by any number of people, reviewed, counted again, approved."""
