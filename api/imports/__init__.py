"""Sales and stock from files, each line with one outcome and each event recorded once."""
