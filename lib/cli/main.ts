#!/usr/bin/env node
/** The command line: results on stdout, progress and errors on stderr. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { orderNames, schemeNames } from '../image/index.js';
import { version } from '../version.js';
import { augmentHelp, augmentOption } from './augment.js';
import { cudaInstallCommand } from './cuda.js';
import { dataHelp, defaultImages } from './data.js';
import { doctorCommand } from './doctor.js';
import { evaluateCommand } from './evaluate.js';
import { deviceOption, ignoreClosedPipe, integerOption, positiveOption, reportFailure, sizeOption } from './options.js';
import { predictCommand } from './predict.js';
import { recipe } from './recipe.js';
import { trainCommand } from './train.js';

function withCommon(command: Command): Command {
  return command
    .addOption(
      new Option('--device <device>', "'auto', 'cpu', 'cuda' or 'cuda:N'").default('auto').argParser(deviceOption),
    )
    .addOption(
      new Option('--threads <n>', 'CPU threads (default: all that are allowed)').argParser(integerOption(1, 1024)),
    )
    .option('--json', 'print the result as one line of JSON', false);
}

const size = defaultImages.size.join('x');

function withImages(command: Command): Command {
  return command
    .option('--cache <file>', 'keeps the decoded images for the next run')
    .option('--skip-broken', 'leave out image files that cannot be decoded', false);
}

function withReading(command: Command): Command {
  return command
    .addOption(
      new Option('--size <n>', `of image files: N or HEIGHTxWIDTH (default: ${size})`).argParser(sizeOption(4096)),
    )
    .addOption(
      new Option('--channels <n>', '1 for grey, 3 for RGB (default: 3)').argParser((text) => {
        if (text !== '1' && text !== '3') throw new InvalidArgumentError('It must be 1 (grey) or 3 (RGB).');
        return Number(text);
      }),
    )
    .addOption(
      new Option('--fit <fit>', 'how image files of other proportions fit').choices(['fill', 'cover', 'contain']),
    )
    .option('--background <colour>', 'under transparent pixels, and of bars')
    .addOption(new Option('--scheme <scheme>', 'what a step is (default: rows)').choices(schemeNames))
    .addOption(new Option('--patch-size <n>', 'N or HEIGHTxWIDTH').argParser(sizeOption(4096)))
    .addOption(new Option('--stride <n>', 'from patch to patch: N or DOWNxRIGHT').argParser(sizeOption(4096)))
    .addOption(new Option('--order <order>', 'of pixels or patches (default: raster)').choices(orderNames));
}

/** Builds the parser; `node cugru --help` shows it. */
export function buildProgram(): Command {
  const program = new Command('cugru')
    .description('Trains and serves recurrent image classifiers.')
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: (.*)$/m, 'cugru: $1 (ERR_USAGE)')),
    })
    .showHelpAfterError()
    .addHelpText('after', '\nExit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.');
  withReading(withImages(withCommon(program.command('train'))))
    .description('train GRU(units, sequences) -> GRU(units) -> dense(softmax) on images read as sequences')
    .option('--data <data>', dataHelp, 'mnist')
    .option('--out <folder>', 'where the model is saved', 'cugru-model')
    .addOption(new Option('--epochs <n>').default(recipe.epochs).argParser(integerOption(1, 1e6)))
    .addOption(new Option('--batch-size <n>').default(recipe.batchSize).argParser(integerOption(1, 2 ** 20)))
    .addOption(
      new Option('--learning-rate <x>', 'at the start of the cosine')
        .default(recipe.learningRate)
        .argParser(positiveOption(100)),
    )
    .addOption(new Option('--units <n>', 'of each GRU').default(recipe.units).argParser(integerOption(1, 2 ** 16)))
    .addOption(new Option('--augment <list>', augmentHelp).argParser(augmentOption))
    .addOption(new Option('--seed <n>').default(recipe.seed).argParser(integerOption(0, 2 ** 52)))
    .action(trainCommand);
  withImages(withCommon(program.command('evaluate')))
    .description('accuracy of a saved model on the test images')
    .requiredOption('--model <folder>', 'a saved model')
    .option('--data <data>', dataHelp, 'mnist')
    .action(evaluateCommand);
  withCommon(program.command('predict'))
    .description('classes of image files')
    .requiredOption('--model <folder>', 'a saved model')
    .option(
      '--invert',
      'for dark marks on a light ground, where the training images were light on dark, or the other way round',
      false,
    )
    .argument('<files...>', 'PNG, JPEG, WebP, TIFF, GIF, AVIF or SVG')
    .action(predictCommand);
  program
    .command('doctor')
    .description('what this host offers')
    .option('--json', 'print the result as one line of JSON', false)
    .action(doctorCommand);
  program
    .command('cuda')
    .description("NVIDIA's libraries")
    .command('install')
    .description('install cuDNN, cuBLAS and NVRTC for this user, from the Python packages of NVIDIA')
    .addOption(
      new Option('--cuda <major>', '12 or 13 (default: what the driver runs)').argParser(integerOption(12, 13)),
    )
    .option('--dir <folder>', 'where to (default: a folder that cugru searches)')
    .option('--dry-run', 'print what would be done', false)
    .option('--json', 'print the result as one line of JSON', false)
    .action(cudaInstallCommand);
  return program;
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe);
buildProgram().parseAsync().catch(reportFailure);
