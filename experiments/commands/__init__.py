"""The verbs of `python -m experiments`: each a plain function; what it needs is imported when it is called."""
