"""NNI's config and search space on a Ray cluster: Ray Tune schedules, a trial is src/train_nni.py in its run folder."""
