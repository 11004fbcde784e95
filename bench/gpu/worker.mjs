// A process that answers requests: one line of JSON each. It may refuse, hang, or die of what it was asked.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Worker {
  #command;
  #args;
  #env;
  #child;
  #lines;
  #words = '';

  constructor(name, command, args, env = {}) {
    this.name = name;
    this.#command = command;
    this.#args = args;
    this.#env = env;
  }

  #start() {
    const child = spawn(this.#command, this.#args, {
      env: { ...process.env, ...this.#env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.on('error', (error) => {
      this.#words = error.message;
    });
    child.stdin.on('error', () => {});
    child.stderr.on('data', (text) => {
      this.#words = `${this.#words}${text}`.slice(-2000);
    });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** @returns {Promise<object>} the answer, or `{ refused }` with the reason; never throws. */
  async ask(request, seconds = 120) {
    if (this.#child === undefined) this.#start();
    const child = this.#child;
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve({ refused: `no answer in ${seconds} s` }), seconds * 1000);
    });
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = await Promise.race([this.#answer(), late]);
    clearTimeout(timer);
    // What hangs or died is started again for the next request.
    if (answer.fatal || child.exitCode !== null || answer.refused?.startsWith('no answer')) this.stop();
    return answer;
  }

  // Skips what libraries print on their own.
  async #answer() {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) return { refused: `the process ended: ${this.#words.trim().split('\n').at(-1) ?? ''}`, fatal: true };
      if (value.startsWith('{')) return JSON.parse(value);
    }
  }

  stop() {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#words = '';
  }
}
