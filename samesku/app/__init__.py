"""For people: the command line over what the pipeline made."""
