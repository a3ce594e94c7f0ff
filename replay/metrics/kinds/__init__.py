"""The metrics, one file each: formula, interval, change against a baseline, words. A new file here is a new metric."""
