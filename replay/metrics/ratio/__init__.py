"""Ratios of sums with their intervals, for one slice or thousands at once.

A row adds the vector z of its terms (``replay.metrics.terms``). A metric is a function g of the sum Z of these vectors
that does not change when Z is scaled. So grad g(Z) . Z = 0, the influence of a row is grad g(Z) . z without any
centring, and

    Var g(Z) ~ sum over rows of (grad g . z)**2 = grad g . M . grad g,    M = sum of z z^T        (delta method)

for independent rows and fixed weights; for rows that belong together, z is first summed by cluster (see
``replay.metrics.cluster``). Both need sums only, so both merge.
"""
