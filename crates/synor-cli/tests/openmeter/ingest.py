"""Reports usage with the Python SDK of OpenMeter: ingest.py ENDPOINT KEY."""

import datetime
import sys

try:
    from corehttp.exceptions import HttpResponseError
    from openmeter import Client
except ImportError as error:
    sys.exit(f"the OpenMeter client is not installed (pip install openmeter==1.0.0b236): {error}")

endpoint, key = sys.argv[1:3]


def event(id, kind="request", subject="acme", **data):
    time = datetime.datetime(2026, 1, 15, tzinfo=datetime.timezone.utc)
    return {"specversion": "1.0", "id": id, "source": "sdk", "type": kind, "subject": subject,
            "time": time.isoformat().replace("+00:00", "Z"), "data": data}


with Client(endpoint=endpoint, token=key) as client:
    client.events.ingest_event(event("1", region="eu"))
    client.events.ingest_events([event("1", region="eu"), event("2", region="eu")])
    client.events.ingest_events([event("3", "network.egress", quantity="1.5", unit="GB")])
    try:
        client.events.ingest_events([event("4", region="eu"), event("5", subject="nobody")])
        sys.exit("a rejected event was not told of")
    except HttpResponseError as error:
        assert error.status_code == 422, error
print("ok")
