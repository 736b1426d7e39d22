"""Synthetic pipe frames with exact masks, drawn with NumPy and OpenCV; a picture depends on its seed and number alone.

Reading order: scene (what a place in a pipe is), geometry, materials and render (how it becomes light), defects (one
file a class), camera (how light becomes a frame), mistakes and annotate (what people would have drawn), copies (the
same picture once more), picture (one scene, finished), options, plan and generate (the folder), sheet (for people).
"""
