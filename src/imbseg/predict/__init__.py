"""Predictions of a finished run, after training: kept beside a report, and shown as close-ups."""
