"""ONNX models, by the ``onnx`` package and onnxruntime."""
