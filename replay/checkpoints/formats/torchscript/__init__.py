"""TorchScript archives: source held to a grammar before torch compiles it."""
