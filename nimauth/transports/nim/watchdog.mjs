// A thread of the bridge's: it ends this process once the program that it works for is gone.
//
// The end of input does the same, but only where the main thread still reads it, and where nobody else (a process that
// the program forked) holds the other end. This thread goes on whatever the main one does; a process that is stopped it
// cannot end.
import { workerData } from 'node:worker_threads';

const { host, parent } = workerData;

const gone = () => {
  try {
    return process.ppid !== parent || (host !== null && !process.kill(host, 0));
  } catch {
    return true;
  }
};
setInterval(() => {
  if (gone()) process.kill(process.pid, 'SIGKILL');
}, 1000);
