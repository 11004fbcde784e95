/** Per-class figures from a confusion matrix, and the matrix as text. */

/** How well one class is told apart. */
export interface ClassReport {
  readonly name: string;
  /** Rows of this class. */
  readonly support: number;
  /** Of the rows answered with this class, the share that are of it; 0 when there are none. */
  readonly precision: number;
  /** Of the rows of this class, the share that were answered with it; 0 when there are none. */
  readonly recall: number;
  readonly f1: number;
}

function ratio(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

/** @param confusion - `[truth][answer]` counts. */
export function classReports(confusion: readonly (readonly number[])[], names?: readonly string[]): ClassReport[] {
  return confusion.map((row, c) => {
    const correct = row[c] ?? 0;
    const support = row.reduce((sum, count) => sum + count, 0);
    const answered = confusion.reduce((sum, other) => sum + (other[c] ?? 0), 0);
    const precision = ratio(correct, answered);
    const recall = ratio(correct, support);
    return {
      name: names?.[c] ?? String(c),
      support,
      precision,
      recall,
      f1: ratio(2 * precision * recall, precision + recall),
    };
  });
}

/** The matrix as a table, a row for each true class. */
export function confusionText(confusion: readonly (readonly number[])[], names?: readonly string[]): string {
  const labels = confusion.map((_, i) => names?.[i] ?? String(i));
  const cells = [['truth \\ answer', ...labels], ...confusion.map((row, i) => [labels[i] ?? '', ...row.map(String)])];
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) => row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')).join('\n');
}
