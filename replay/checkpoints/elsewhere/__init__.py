"""Checkpoints that lie elsewhere: on a store, in mlflow, or on the machine of the driver alone."""
