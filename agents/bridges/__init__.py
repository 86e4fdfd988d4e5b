"""Bridges to other libraries: Gymnasium environments, Stable-Baselines3 and ONNX."""
