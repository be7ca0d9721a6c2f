"""<use case>__quarantine: by hand, with a form: which quarantined rows are sent back, how, and why."""

# Airflow passes over files that do not have its name in them: it stands here, since nothing of it is imported.
from include import dag, forms
from include.tasks import by_hand as tasks
from include.use_cases import all_use_cases

for use_case in all_use_cases().values():
    with dag.by_hand(use_case, "quarantine", params=forms.quarantine(use_case)):
        tasks.send_back(use_case.name)
