"""Slack's side of staff: buttons, forms and commands, which do what the API would do."""
