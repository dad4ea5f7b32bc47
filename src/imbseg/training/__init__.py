"""One trial -> one run folder: samples, loop, evaluation, optimizer, early stopping, resume."""
