// Round trips a second with BullMQ: a job is added, a worker in this process completes it, its adder is told.
// Arguments: address of Redis, jobs under way, milliseconds.
const { Queue, QueueEvents, Worker } = require('bullmq');

const [address, callers, milliseconds] = process.argv.slice(2);
const [host, port] = address.split(':');
const connection = { host, port: Number(port), maxRetriesPerRequest: null };

(async () => {
  const name = `bench-${callers}`;
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  const worker = new Worker(name, async (job) => job.data.number, { connection, concurrency: Number(callers) });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);
  const waiting = new Map();
  const early = new Set();
  events.on('completed', ({ jobId }) => {
    const done = waiting.get(jobId);
    if (done) done();
    else early.add(jobId);
  });
  let trips = 0;
  const end = performance.now() + Number(milliseconds);
  const caller = async (own) => {
    for (let number = 0; performance.now() < end; number += 1) {
      const jobId = `${own}-${number}`;
      const done = new Promise((resolve) => waiting.set(jobId, resolve));
      await queue.add('task', { number }, { jobId, removeOnComplete: 1000 });
      if (!early.delete(jobId)) await done;
      waiting.delete(jobId);
      trips += 1;
    }
  };
  await Promise.all([...Array(Number(callers)).keys()].map(caller));
  console.log(trips / (Number(milliseconds) / 1000));
  process.exit(0);
})();
