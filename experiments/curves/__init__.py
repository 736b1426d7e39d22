"""The curves of runs in memory: points, what is drawn of them, smoothing, axes. No screen, no numpy."""
