"""Judging: from neighbours to matches, groups, metrics and predictions; what every ranking script shares."""
