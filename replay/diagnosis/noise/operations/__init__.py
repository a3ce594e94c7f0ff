"""Operations between the model and the log that are recognised, one a module."""
