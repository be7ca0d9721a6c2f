"""Where `AIRWORTHY_USE_CASE_PACKAGES=tests.use_cases` finds the use cases of tests."""
