"""Search with Optuna: NNI's search space as its own, what is optimised, a tuner and an assessor for NNI."""
