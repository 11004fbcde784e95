/**
 * `choices.json`: what a GPU chose by timing for the shapes that a model ran, so that where it is loaded on the same device with the same
 * libraries nothing is timed again. It is a hint and no part of the model: whatever is wrong with it, it is left out.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SessionChoice } from '../native.js';

export const choicesFile = 'choices.json';
const format = 'cugru-choices';
const version = 1;

// More than any model has; what is above is none of ours.
const mostBytes = 2 ** 20;
const mostChoices = 1024;
const mostText = 2 ** 14;

/** Undefined where there is nothing to save: on the CPU. */
export function choicesText(choices: readonly SessionChoice[]): string | undefined {
  const short = choices.filter(isChoice).slice(0, mostChoices);
  if (short.length === 0) return undefined;
  return `${JSON.stringify({ format, version, choices: short }, null, 2)}\n`;
}

function isChoice(value: unknown): value is SessionChoice {
  const { key, lines } = (value ?? {}) as Partial<Record<keyof SessionChoice, unknown>>;
  const isText = (text: unknown): boolean => typeof text === 'string' && text.length <= mostText;
  return isText(key) && isText(lines);
}

/** The choices in a file's text; none where it is torn or none of ours. */
export function parseChoices(text: string): SessionChoice[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return [];
  }
  const file = (content ?? {}) as { readonly format?: unknown; readonly version?: unknown; readonly choices?: unknown };
  if (file.format !== format || file.version !== version || !Array.isArray(file.choices)) return [];
  return file.choices
    .filter(isChoice)
    .slice(0, mostChoices)
    .map(({ key, lines }) => ({ key, lines }));
}

/** Of a model's folder; none where there is no such file, or none that can be read. */
export async function readChoices(folder: string): Promise<SessionChoice[]> {
  try {
    const path = join(folder, choicesFile);
    const found = await stat(path);
    // Of a pipe there may be no end.
    return found.isFile() && found.size <= mostBytes ? parseChoices(await readFile(path, 'utf8')) : [];
  } catch {
    return [];
  }
}
