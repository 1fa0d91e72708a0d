"""Addon for mitmproxy: an inspecting proxy. INSPECTED lists what it read, a line `HOST PATH` each; hosts that
UPSTREAM names (`HOST=ADDRESS`, blanks between) are asked there, all others answer nothing but 503."""
import os

from mitmproxy import http

UPSTREAM = dict(pair.split("=", 1) for pair in os.environ["UPSTREAM"].split())


def request(flow):
    host = flow.request.pretty_host
    with open(os.environ["INSPECTED"], "a") as file:
        file.write(f"{host} {flow.request.path.split('?')[0]}\n")
    if host not in UPSTREAM:
        flow.response = http.Response.make(503, "no such host here")
        return
    address, port = UPSTREAM[host].rsplit(":", 1)
    named = flow.request.host_header
    flow.request.scheme, flow.request.host, flow.request.port = "http", address, int(port)
    # What was signed is signed for it.
    flow.request.host_header = named
