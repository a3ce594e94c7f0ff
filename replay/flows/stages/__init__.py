"""The steps that commands share: prepare, identify, measure, write."""
