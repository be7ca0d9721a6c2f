"""Judge a use case by the 28 tests of the ML Test Score (Breck et al., 2017)."""
