"""The App in layers, one concern each: frame < watching < listing < editing < launching < comparing < inspecting
< Dashboard."""
