"""What stands beside the point figures: controls, doses, edits, tests, subgroups, claims, agreement with the truth."""
