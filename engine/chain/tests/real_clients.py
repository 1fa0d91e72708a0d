"""Checks with botocore and the AWS CLI what Dayfly did to credentials files.

Reads one JSON object per line from standard input; ends with an error at the first case that
is not as it should be, and prints how many cases were checked.
"""

import json
import os
import subprocess
import sys

import botocore.configloader
import botocore.exceptions
import botocore.session


def sections(path):
    try:
        return botocore.configloader.raw_config_parse(path)
    except botocore.exceptions.ConfigParseError:
        return None


def credentials(path, profile):
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = path
    found = botocore.session.Session(profile=profile).get_credentials()
    return [found.access_key, found.secret_key, found.token, found.method]


def cli(arguments, **names):
    command = [sys.executable, "-m", "awscli", *arguments]
    environment = dict(os.environ, **names)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr}")
    return done.stdout.strip()


checked = 0
for line in sys.stdin:
    case = json.loads(line)
    kind = case["kind"]
    if kind == "credentials":
        got = credentials(case["path"], case["profile"])
        wanted = case["wanted"] + ["shared-credentials-file"]
        if got != wanted:
            sys.exit(f"{case}: botocore has {got}")
    elif kind == "cli-get":
        got = cli(
            ["configure", "get", case["key"], "--profile", case["profile"]],
            AWS_SHARED_CREDENTIALS_FILE=case["path"],
        )
        if got != case["wanted"]:
            sys.exit(f"{case}: the AWS CLI has {got}")
    elif kind == "cli-set":
        cli(
            ["configure", "set", case["key"], case["value"], "--profile", case["profile"]],
            AWS_SHARED_CREDENTIALS_FILE=case["path"],
        )
    elif kind == "edit":
        before = sections(case["before"])
        if before is None:
            continue
        after = sections(case["after"])
        if after is None:
            sys.exit(f"{case}: botocore can no longer read the file")
        profile = case["profile"]
        old, new = before.pop(profile, {}), after.pop(profile)
        if before != after:
            sys.exit(f"{case}: another section reads differently")
        for key, value in old.items():
            if new.get(key) != value:
                sys.exit(f"{case}: the person's {key} reads differently")
        names = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
        got = [new.get(name) for name in names]
        if got != case["wanted"]:
            sys.exit(f"{case}: botocore has {got}")
    else:
        sys.exit(f"no such kind: {kind}")
    checked += 1
print(checked)
