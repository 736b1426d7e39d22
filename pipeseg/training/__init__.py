"""Training one model and scoring it."""
