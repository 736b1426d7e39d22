"""Datasets on disk: pictures, masks, polygons, splits."""
