// Follows Mandate's events in RabbitMQ's stream queue, with amqplib.
//
// AMQP_URL is the broker, STATE a file of this subscriber. Its work is a line for each event, and the last line is the checkpoint,
// so that a crash neither loses an event nor does its work twice. After a restore of Mandate (header log_id is another) begin with
// a new file.

const amqp = require('amqplib');
const fs = require('node:fs');

const LOG = 'mandate.events.log';
const state = fs.openSync(process.env.STATE, 'a+');

// A line that a crash has cut off was not done.
const text = fs.readFileSync(state, 'utf8');
const whole = text.slice(0, text.lastIndexOf('\n') + 1);
fs.ftruncateSync(state, Buffer.byteLength(whole));
let last = whole ? JSON.parse(whole.trimEnd().split('\n').at(-1)) : undefined;

function handle(event) {
  const [sequence, before] = [Number(event.sequence), Number(last?.sequence ?? 0)];
  if (before && sequence > before + 1) {
    console.error(`events ${before + 1} to ${sequence - 1} are missing: read them from GET /api/v1/events?after=${before}`);
    process.exit(1);
  }
  if (sequence <= before) return; // it came again
  const { id, type, recordedtime } = event;
  const done = { sequence: event.sequence, id, type, recordedtime };
  fs.writeSync(state, JSON.stringify(done) + '\n'); // your work
  last = done;
}

async function follow() {
  const connection = await amqp.connect(process.env.AMQP_URL);
  const closed = new Promise((resolve) => connection.on('error', () => {}).on('close', resolve));
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  await channel.prefetch(100);
  // A little before the last event: a stream begins at a time, and what comes again is known by its sequence.
  const start = last ? { '!': 'timestamp', value: Math.floor(Date.parse(last.recordedtime) / 1000) - 60 } : 'first';
  const options = { arguments: { 'x-stream-offset': start } };
  await channel.consume(LOG, (message) => {
    if (message === null) return connection.close(); // the queue was deleted
    handle(JSON.parse(message.content));
    channel.ack(message);
  }, options);
  await closed;
}

(async () => {
  for (;;) {
    await follow().catch((error) => console.error(`RabbitMQ is away: ${error.message}`));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
})();
