"""``torch.export`` programs (.pt2): read by torch's own schema before torch reads them."""
