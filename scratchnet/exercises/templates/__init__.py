"""Files that `scratchnet exercise` copies: a docstring, a signature and an empty body each."""
