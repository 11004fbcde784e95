// The other side of worker.mjs in Node: a function for each kind of request.
import { createInterface } from 'node:readline';

export async function serve(kinds) {
  for await (const line of createInterface({ input: process.stdin })) {
    let answer;
    try {
      const request = JSON.parse(line);
      answer = await kinds[request.kind](request);
    } catch (error) {
      answer = { refused: String(error?.message ?? error).split('\n')[0], code: error?.code };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
