"""Which pictures to draw next: how unsure the networks are of each, which of those differ, and a project to draw in."""
