"""The dashboard: what is drawn and typed. Everything that is not drawing lives in `experiments/`."""
