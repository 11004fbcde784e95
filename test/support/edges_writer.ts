/** Writes folders one after the other until it is killed: each whole version has one number in all of its files. */
import { writeFolder } from '../../lib/formats/index.js';

const [folder = ''] = process.argv.slice(2);
for (let version = 0; ; version++) {
  const body = `${version}\n`.repeat(20_000);
  await writeFolder(
    folder,
    { 'config.json': body, weights: Buffer.from(body) },
    { replaceable: ['config.json', 'weights'] },
  );
  if (version === 2) process.stdout.write('writing\n');
}
