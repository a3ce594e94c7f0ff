"""What a contract has otherwise than serving: tried on sampled rows, and said as YAML."""
