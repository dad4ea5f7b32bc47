"""Run folders -> what the trials show: tables, a figure, sentences; meets the training at the run folder only."""
