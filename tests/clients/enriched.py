"""Reads an enriched topic with stock libraries only, as a data team would: confluent-kafka, and code that
protoc made of the published schema. Prints one JSON object for each event, in the order of its partition.

How a reader gets every event exactly once: keep the greatest origin of each partition beside the own offset,
skip a record whose origin is not greater, and skip empty values, which are markers (header fate: duplicate or dead).

usage: enriched.py BROKERS TOPIC GENERATED_CODE_DIR"""

import json
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition

brokers, topic, generated = sys.argv[1:]
sys.path.insert(0, generated)
from sluice.v1 import event_pb2, record_pb2  # noqa: E402

consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": "a-data-team",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
)
partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
consumer.assign([TopicPartition(topic, number, 0) for number in partitions])

greatest = {}
open_partitions = set(partitions)
while open_partitions:
    message = consumer.poll(30)
    if message is None:
        sys.exit("nothing arrived for 30 s")
    partition = message.partition()
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            sys.exit(str(message.error()))
        open_partitions.discard(partition)
        continue
    headers = {name: value.decode() for name, value in message.headers()}
    origin = int(headers["origin"])
    if origin <= greatest.get(partition, -1):
        continue
    greatest[partition] = origin
    if not message.value():
        continue
    enriched = record_pb2.EnrichedEvent.FromString(message.value())
    event = enriched.event
    print(
        json.dumps(
            {
                "partition": partition,
                "origin": origin,
                "key": message.key().hex(),
                "headers": headers,
                "tenant": enriched.tenant,
                "id": event.id,
                "kind": event.WhichOneof("body"),
                "user_id": event.user_id,
                "severity": event_pb2.Severity.Name(event.severity),
                "expires_at": enriched.expires_at.ToJsonString(),
                "browser": enriched.context.client.browser,
            }
        )
    )
consumer.close()
