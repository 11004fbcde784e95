/** What the child process of probe.ts runs: the report, as JSON, on descriptor 3; a line there before each step. */
import { writeSync } from 'node:fs';
import { native } from '../native.js';

const descriptor = 3;
const ordinal = Number(process.argv[2]);
writeSync(descriptor, `${JSON.stringify(native().cudaReport({ ordinal, traceDescriptor: descriptor }))}\n`);
// The libraries' own ends are not waited for: the report is out, and some of them hang there.
process.kill(process.pid, 'SIGKILL');
