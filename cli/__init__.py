"""The console command `parstock`: one file a verb; the only room that may import all others."""
