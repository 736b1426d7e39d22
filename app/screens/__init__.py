"""Modal screens, imported by the action that opens them."""
