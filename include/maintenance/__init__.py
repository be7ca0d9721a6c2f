"""Keep a use case's storage in order: plan what is removed or rebuilt, and apply the plan."""
