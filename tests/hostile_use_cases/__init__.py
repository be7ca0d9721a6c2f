"""The toy use case, with texts that try to drive whatever shows them."""
