"""The engine `ray`: work that the stages do on one machine, done on many. Ray is imported here alone.

Nothing here knows of listings: what is done is given as functions, the very ones that `local` runs.
"""
