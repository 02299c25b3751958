"""An application on boto3: answers each line of its input with a line of JSON."""

import json
import sys

import boto3

sts = boto3.client("sts")
s3 = boto3.client("s3")

CALLS = {
    "whoami": lambda: sts.get_caller_identity()["Arn"],
    "list": lambda: [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
    "put": lambda: s3.put_object(Bucket="work", Key="from/boto3", Body=b"boto3")["ETag"],
    "get": lambda: s3.get_object(Bucket="work", Key="from/boto3")["Body"].read().decode(),
}

for line in sys.stdin:
    try:
        answer = {"answer": CALLS[line.strip()]()}
    except Exception as error:  # whatever it is, the test wants to see it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
