"""What a trained network finds in pictures nobody has drawn in: masks, overlays, tables; and the network as ONNX."""
