"""The lake: Delta tables on disk or on S3, one partition per period."""
