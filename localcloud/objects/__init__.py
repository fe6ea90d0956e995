"""What stands behind R2's buckets: an S3 server of this machine."""
