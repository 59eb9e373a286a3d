"""The pair model: candidate pairs, their features, a classifier of pairs, calibration and clerical review."""
