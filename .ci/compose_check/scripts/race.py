"""Race other processes for objects on S3; run in a container of Airworthy, whose environment has the keys.

Prints, as JSON, the rounds in which this process was the one that wrote. Every process must start within the barrier.
"""

from __future__ import annotations

import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET, NAME, PROCESSES, ROUNDS, INCREMENTS = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
GAP_S = 0.2
# Another try after an answer that was lost would find the object of the first, and count as a loser.
s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}, read_timeout=300))


def put(key: str, body: str, **condition: str) -> bool:
    """Return whether the object was written; False where the condition refused it."""
    try:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body.encode(), **condition)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
            return False
        raise
    return True


def wait_for_all() -> None:
    """Return at the same moment in every process."""
    put(f"ready/{NAME}", str(time.time()))
    while s3.list_objects_v2(Bucket=BUCKET, Prefix="ready/").get("KeyCount", 0) < PROCESSES:
        time.sleep(0.05)
    # The clock is the machine's, and so the same in all containers; some seconds let each see the last one's mark.
    put("start", str(time.time() + 3), IfNoneMatch="*")
    time.sleep(max(0.0, float(s3.get_object(Bucket=BUCKET, Key="start")["Body"].read()) - time.time()))


def add_one() -> None:
    """Add one to the counter by compare and swap, however often another was faster."""
    while True:
        found = s3.get_object(Bucket=BUCKET, Key="counter")
        if put("counter", str(int(found["Body"].read()) + 1), IfMatch=found["ETag"]):
            return


put("counter", "0", IfNoneMatch="*")
wait_for_all()
begun = time.time()
won = []
for turn in range(ROUNDS):
    time.sleep(max(0.0, begun + turn * GAP_S - time.time()))
    if put(f"round/{turn}", NAME, IfNoneMatch="*"):
        won.append(turn)
for _ in range(INCREMENTS):
    add_one()
sys.stdout.write(json.dumps(won))
