"""Send the task logs below a folder to Airflow's remote logs: `send_task_logs.py FOLDER`.

For logs that their task could not send because it was killed or S3 was not reachable. Existing remote content is kept,
and the rest appended. A sent log is emptied, as Airflow does after each task.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(folder: Path) -> int:
    """Send every log that is not empty; return the number of logs that could not be sent."""
    os.environ["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] = str(folder)
    from airflow.providers.amazon.aws.log.s3_task_handler import S3RemoteLogIO

    remote, left = S3RemoteLogIO.from_config(), 0
    for path in sorted(folder.rglob("*.log*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            remote.upload(path)
            left += bool(path.stat().st_size)
    if left:
        sys.stderr.write(f"{left} task logs below {folder} could not be sent; the next start of a worker sends them.\n")
    return left


if __name__ == "__main__":
    sys.exit(bool(main(Path(sys.argv[1]))))
