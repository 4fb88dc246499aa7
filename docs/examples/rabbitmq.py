"""Follows Mandate's events in RabbitMQ's stream queue, with pika.

AMQP_URL is the broker, STATE a SQLite file of this subscriber. Work and checkpoint are one transaction, so that a crash neither
loses an event nor does its work twice. After a restore of Mandate (header log_id is another) begin with a new file.
"""

import datetime
import json
import os
import sqlite3
import sys
import time

import pika

LOG = "mandate.events.log"
state = sqlite3.connect(os.environ["STATE"])
state.execute("create table if not exists done (sequence integer primary key, id text, type text, recorded text)")


def start():
    """A little before the last event: a stream begins at a time, and what comes again is known by its sequence."""
    last = state.execute("select recorded from done order by sequence desc limit 1").fetchone()
    if last is None:
        return "first"
    return datetime.datetime.fromisoformat(last[0]) - datetime.timedelta(minutes=1)


def handle(channel, method, _properties, body):
    event = json.loads(body)
    sequence = int(event["sequence"])
    last = state.execute("select coalesce(max(sequence), 0) from done").fetchone()[0]
    if last and sequence > last + 1:
        sys.exit(f"events {last + 1} to {sequence - 1} are missing: read them from GET /api/v1/events?after={last}")
    if sequence > last:
        with state:  # your work belongs here, into the same transaction
            row = (sequence, event["id"], event["type"], event["recordedtime"])
            state.execute("insert into done values (?, ?, ?, ?)", row)
    channel.basic_ack(method.delivery_tag)


while True:
    try:
        connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
        channel = connection.channel()
        channel.basic_qos(prefetch_count=100)
        channel.basic_consume(LOG, handle, arguments={"x-stream-offset": start()})
        channel.start_consuming()
    except pika.exceptions.AMQPError as error:
        print(f"RabbitMQ is away: {error!r}", file=sys.stderr)
    time.sleep(1)
