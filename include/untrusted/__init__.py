"""Read untrusted content in a separate process with limits."""
