"""Plan and apply the clean-up, rebuild and upgrade of storage."""
