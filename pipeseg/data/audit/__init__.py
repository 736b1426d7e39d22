"""What is wrong with a dataset: found, reported, never changed."""
