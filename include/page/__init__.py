"""The page in Airflow: what stands in the tables of a use case, for whoever may read its DAGs. It changes nothing."""
