import test from 'ava';
import { epochText, ProgressLine, progressText } from '../../lib/cli/progress.js';

/** A stream that keeps what is written. */
function paper(isTTY: boolean, columns = 40) {
  let written = '';
  const write = (text: string): boolean => {
    written += text;
    return true;
  };
  return { stream: { isTTY, columns, write } as unknown as NodeJS.WriteStream, text: () => written };
}

const event = {
  type: 'progress',
  epoch: 1,
  epochs: 3,
  batch: 25,
  batches: 100,
  loss: 0.51234,
  accuracy: 0.875,
  batchLoss: 0.5,
  learningRate: 0.001,
  imagesPerSecond: 1000.4,
} as const;
const esc = '\u001b';

test('a progress line says epoch, share, loss, accuracy, speed and what is left', (t) => {
  t.is(
    progressText(event, 128),
    'epoch 2/3 [######..................] loss 0.5123 accuracy 87.50 % 1000 images/s, 10 s left',
  );
});

test('a regression has no accuracy, and long waits are in minutes', (t) => {
  const left = (imagesPerSecond: number): string | undefined =>
    progressText({ ...event, accuracy: undefined, imagesPerSecond }, 100).match(/images\/s, (.*) left/)?.[1];
  t.notRegex(progressText({ ...event, accuracy: undefined }, 128), /accuracy/);
  // 7500 images are left.
  t.deepEqual([7500, 150, 126.05, 125, 62.7, 62.5, 1].map(left), [
    '1 s',
    '50 s',
    '1 min 0 s',
    '1 min 0 s',
    '2 min 0 s',
    '2 min 0 s',
    '125 min 0 s',
  ]);
});

test('the line of an epoch has the validation where there was one', (t) => {
  const logs = {
    epoch: 0,
    loss: 0.25,
    accuracy: 0.9,
    learningRate: 0,
    gradientNorm: 1,
    seconds: 1.25,
    computeSeconds: 1,
    waitSeconds: 0,
    imagesPerSecond: 480,
  };
  t.is(epochText(logs, 2), 'epoch 1/2: loss 0.2500 accuracy 90.00 %, 480 images/s, 1.3 s');
  const validated = epochText({ ...logs, valLoss: 0.5, valAccuracy: 0.75 }, 2);
  t.regex(validated, /, validation loss 0\.5000 accuracy 75\.00 %, 480/);
});

test('in a terminal the line is redrawn, cut to its width, and gone when something else is written', (t) => {
  const { stream, text } = paper(true, 30);
  const line = new ProgressLine(stream);
  line.draw('x'.repeat(100));
  line.draw('short');
  line.line('epoch');
  line.clear();
  const erase = `\r${esc}[K`;
  t.is(text(), `${erase}${'x'.repeat(29)}${erase}short${erase}epoch\n`);
});

test('a terminal that does not tell its width has 80 columns', (t) => {
  const { stream, text } = paper(true, 0);
  new ProgressLine(stream).draw('x'.repeat(100));
  t.is(text(), `\r${esc}[K${'x'.repeat(79)}`);
});

test('elsewhere nothing is drawn, and lines are plain', (t) => {
  const { stream, text } = paper(false);
  const line = new ProgressLine(stream);
  line.draw('progress');
  line.line('epoch');
  line.clear();
  t.is(text(), 'epoch\n');
});
