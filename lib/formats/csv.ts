/** CSV as RFC 4180 has it: quotes, line breaks within quotes, LF or CRLF, with or without a byte order mark. */
import { CugruError } from '../errors.js';

/** A line of a CSV file. */
export interface CsvRow {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** Options of {@link parseCsv}. */
export interface CsvOptions {
  /** @defaultValue ',' */
  readonly delimiter?: string;
}

function corrupt(source: string, line: number, problem: string): CugruError {
  return new CugruError('ERR_DATASET_CORRUPT', `${source}:${line}: ${problem}`, { path: source, line });
}

/** Reads fields one after the other. */
class CsvReader {
  readonly #text: string;
  readonly #source: string;
  readonly #delimiter: string;
  #at: number;
  line = 1;

  constructor(text: string, source: string, delimiter: string) {
    this.#text = text;
    this.#source = source;
    this.#delimiter = delimiter;
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The fields up to the end of the line. */
  row(): string[] {
    const fields = [this.#field()];
    while (this.#text[this.#at] === this.#delimiter) {
      this.#at++;
      fields.push(this.#field());
    }
    if (this.#text[this.#at] === '\r') this.#at++;
    if (this.#text[this.#at] === '\n') this.#at++;
    this.line++;
    return fields;
  }

  #field(): string {
    return this.#text[this.#at] === '"' ? this.#quoted() : this.#plain();
  }

  #plain(): string {
    const begin = this.#at;
    while (this.#at < this.#text.length && !this.#ends()) this.#at++;
    return this.#text.slice(begin, this.#at);
  }

  #ends(): boolean {
    const char = this.#text[this.#at];
    return char === this.#delimiter || char === '\n' || char === '\r';
  }

  #quoted(): string {
    const first = this.line;
    let value = '';
    for (let begin = this.#at + 1; ; begin = this.#at + 1) {
      this.#at = this.#text.indexOf('"', begin);
      if (this.#at < 0) throw corrupt(this.#source, first, 'a quote is opened and never closed');
      const part = this.#text.slice(begin, this.#at);
      this.line += part.split('\n').length - 1;
      value += part;
      this.#at++;
      if (this.#text[this.#at] !== '"') break;
      value += '"';
    }
    if (this.done || this.#ends()) return value;
    throw corrupt(this.#source, this.line, 'text follows a closed quote; write a quote within quotes as ""');
  }
}

/**
 * The lines of a CSV file, one at a time; empty ones are left out.
 * @param source - names the text in messages
 * @throws {@link CugruError} `ERR_DATASET_CORRUPT` with the line: a quote that is not closed, text behind one.
 */
export function* parseCsv(text: string, source: string, { delimiter = ',' }: CsvOptions = {}): Generator<CsvRow, void> {
  const reader = new CsvReader(text, source, delimiter);
  while (!reader.done) {
    const { line } = reader;
    const fields = reader.row();
    if (fields.length > 1 || fields[0] !== '') yield { line, fields };
  }
}
