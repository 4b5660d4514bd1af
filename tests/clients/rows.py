"""Reads the table of events with the stock driver, as somebody with cqlsh would. Prints one JSON object a row.

usage: rows.py HOST PORT KEYSPACE TABLE"""

import json
import sys

from cassandra.cluster import Cluster
from cassandra.policies import RoundRobinPolicy

host, port, keyspace, table = sys.argv[1:]
cluster = Cluster([host], port=int(port), load_balancing_policy=RoundRobinPolicy(), protocol_version=4)
session = cluster.connect(keyspace)
for row in session.execute(f"SELECT tenant, id, about FROM {table}"):
    kind, severity, service, user, received_at = row.about
    print(
        json.dumps(
            {
                "tenant": row.tenant,
                "id": row.id.hex(),
                "kind": kind,
                "severity": severity,
                "service": service,
                "user_id": user,
                "received_at": received_at.isoformat(),
            }
        )
    )
cluster.shutdown()
