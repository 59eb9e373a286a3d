"""Work that the stages do by this machine's processors, done elsewhere, with the same results.

By many machines, the engine `ray`: Ray is imported here alone. What is done there is given as functions, the
very ones that `local` runs. And by an accelerator: `index` searches on it.
"""
