"""Named tensors in, one score a row out, behind one seam: :class:`Scorer`."""
