"""Which pictures to draw next: how unsure the networks are, for how many each stands, and a project to draw in."""
