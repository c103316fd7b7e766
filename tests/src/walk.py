"""Gives a thing one status after the other and asks a function about each.

One process for a whole walk, because starting a client takes longer than what it asks. Reads {"function", "emulator", "steps":
[{"arn", "status", "event"}]} and prints the answers as a list, both JSON.
"""

import json
import sys
import urllib.request

import boto3


def set_status(emulator: str, arn: str, status: str) -> None:
    body = json.dumps({"arn": arn, "status": status}).encode()
    urllib.request.urlopen(f"{emulator}/_emulator/resources/status", body, timeout=10).close()


def main() -> None:
    order = json.load(sys.stdin)
    functions = boto3.client("lambda")
    answers = []
    for step in order["steps"]:
        set_status(order["emulator"], step["arn"], step["status"])
        answer = functions.invoke(FunctionName=order["function"], Payload=json.dumps(step["event"]))
        answers.append(json.load(answer["Payload"]))
    json.dump(answers, sys.stdout)


main()
