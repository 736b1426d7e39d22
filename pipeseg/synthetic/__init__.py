"""Synthetic pipe frames with exact masks, drawn with NumPy and OpenCV; a picture depends on its seed and number alone.

Reading order: scene (what a place in a pipe is), geometry and render (how it becomes light), defects (one file a
class), camera (how light becomes a frame), annotate (what people would have drawn), picture (one scene, finished),
plan and generate (the folder).
"""
