"""A long-lived program with the Azure SDK for Python: asks for a token and calls the resource manager
with it, again and again in one process. Prints what it saw as JSON: how many tokens, of which
applications, and what went wrong.

hold.py CREDENTIAL RESOURCE ADDRESS TIMES SECONDS
"""
import base64
import json
import ssl
import sys
import time
import urllib.request

import azure.identity

credential, resource, address, times, seconds = sys.argv[1:]
client = getattr(azure.identity, credential)()
tls = ssl.create_default_context()
failures, tokens, who = [], [], set()


def claims(token):
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


for _ in range(int(times)):
    try:
        token = client.get_token(resource + "/.default").token
        request = urllib.request.Request(address, headers={"Authorization": "Bearer " + token})
        with urllib.request.urlopen(request, context=tls) as answer:
            assert json.load(answer)["value"], "no subscriptions"
        if token not in tokens:
            tokens.append(token)
            who.add(claims(token)["client_id"])
    except Exception as error:
        failures.append(repr(error)[:600])
    time.sleep(float(seconds))
print(json.dumps({"tokens": len(tokens), "who": sorted(who), "failures": failures}))
