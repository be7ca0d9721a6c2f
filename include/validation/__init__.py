"""Judge the rows of features and predictions before they are published."""
