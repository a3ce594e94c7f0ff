"""What another table holds instead: a kind of difference a function, the simplest that holds is named."""
