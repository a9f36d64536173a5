"""The pytest plugin; it imports nothing heavy, because every test run that has radbench installed loads it."""
