"""Asks the STS who it is, again and again in one process, and prints a line of JSON a call: the
arn and the key that the call was signed with, or the error. A rotation shows as another key."""
import json, sys, time
import boto3

until = time.time() + float(sys.argv[1])
signed = []
client = boto3.client("sts")
client.meta.events.register(
    "before-send.sts.*",
    lambda request, **_: signed.append(request.headers["Authorization"]),
)
while True:
    try:
        arn = client.get_caller_identity()["Arn"]
        header = signed[-1]
        header = header.decode() if isinstance(header, bytes) else header
        key = header.split("Credential=")[1].split("/")[0]
        print(json.dumps({"arn": arn, "key": key}), flush=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
    if time.time() > until:
        break
    time.sleep(0.2)
