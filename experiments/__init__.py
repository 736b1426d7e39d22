"""The experiment manager: folders, configs, runs, launching, comparison. No screen, and nothing heavy at import."""
