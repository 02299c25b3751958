"""An application on boto3: answers each line of its input with a line of JSON."""

import json
import sys
from functools import cache

import boto3


@cache
def client(service):
    """Made when it is first used, as that is when boto3 looks for credentials."""
    return boto3.client(service)


CALLS = {
    "ready": lambda: True,
    "whoami": lambda: client("sts").get_caller_identity()["Arn"],
    "list": lambda: [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]],
    "put": lambda: client("s3").put_object(Bucket="work", Key="from/boto3", Body=b"boto3")["ETag"],
    "get": lambda: client("s3").get_object(Bucket="work", Key="from/boto3")["Body"].read().decode(),
}

for line in sys.stdin:
    try:
        answer = {"answer": CALLS[line.strip()]()}
    except Exception as error:  # whatever it is, the test wants to see it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
