"""Public datasets as they are downloaded, one file each."""
