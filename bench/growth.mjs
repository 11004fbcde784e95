// How cost grows with batch, steps, units and layers: four small pictures with logarithmic axes, as one SVG.

const size = { width: 260, height: 200, left: 52, top: 34, gapX: 74, gapY: 70 };
const series = [
  { pass: 'forward', peer: 'cugru', colour: '#0b6e4f', dash: '' },
  { pass: 'train', peer: 'cugru', colour: '#c1440e', dash: '' },
  { pass: 'forward', peer: 'pytorch', colour: '#0b6e4f', dash: '5 4' },
  { pass: 'train', peer: 'pytorch', colour: '#c1440e', dash: '5 4' },
];

const log = Math.log10;

function scale(values, from, to) {
  const low = log(Math.min(...values));
  const high = log(Math.max(...values));
  return (value) => from + ((log(value) - low) / Math.max(1e-9, high - low)) * (to - from);
}

function pointsOf(cases, { pass, peer }, axis) {
  return cases
    .filter((c) => c.pass === pass && c.results[peer] !== undefined)
    .map((c) => [c[axis], c.results[peer].ms]);
}

function ticks(values) {
  const low = Math.floor(log(Math.min(...values)));
  const high = Math.ceil(log(Math.max(...values)));
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)).filter(
    (t) => t >= Math.min(...values) && t <= Math.max(...values),
  );
}

function panel(axis, cases, index) {
  const x0 = size.left + (index % 2) * (size.width + size.gapX);
  const y0 = size.top + Math.floor(index / 2) * (size.height + size.gapY);
  const lines = series
    .map((s) => ({ ...s, points: pointsOf(cases, s, axis) }))
    .filter(({ points }) => points.length > 0);
  const xs = [...new Set(cases.map((c) => c[axis]))];
  const times = lines.flatMap(({ points }) => points.map(([, ms]) => ms));
  const x = scale(xs, x0, x0 + size.width);
  const y = scale(times, y0 + size.height, y0);
  const parts = [`<rect x="${x0}" y="${y0}" width="${size.width}" height="${size.height}" fill="none" stroke="#999"/>`];
  for (const t of ticks(times)) {
    parts.push(`<line x1="${x0}" x2="${x0 + size.width}" y1="${y(t)}" y2="${y(t)}" stroke="#ddd"/>`);
    parts.push(`<text x="${x0 - 6}" y="${y(t) + 4}" text-anchor="end">${t} ms</text>`);
  }
  for (const value of xs) {
    parts.push(`<text x="${x(value)}" y="${y0 + size.height + 14}" text-anchor="middle" font-size="8">${value}</text>`);
  }
  for (const { points, colour, dash } of lines) {
    const path = points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(' ');
    parts.push(
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.8" stroke-dasharray="${dash}"/>`,
    );
  }
  parts.push(`<text x="${x0 + size.width / 2}" y="${y0 + size.height + 32}" text-anchor="middle">${axis}</text>`);
  return parts.join('\n');
}

/** @param growth - of run.mjs */
export function growthPicture({ threads, axes }) {
  const width = size.left + 2 * size.width + size.gapX + 20;
  const height = size.top + 2 * size.height + size.gapY + 50;
  const legend = series
    .map(({ pass, peer, colour, dash }, i) => {
      const x = size.left + i * 145;
      return `<line x1="${x}" x2="${x + 24}" y1="14" y2="14" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/><text x="${x + 30}" y="18">${peer}, ${pass}</text>`;
    })
    .join('\n');
  const panels = Object.entries(axes).map(([axis, cases], i) => panel(axis, cases, i));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="10" fill="#222">
<rect width="${width}" height="${height}" fill="#fff"/>
${legend}
${panels.join('\n')}
<text x="${size.left}" y="${height - 6}">GRU, ${threads} threads; where an axis is not varied: T=28, B=64, I=28, H=128, one layer</text>
</svg>
`;
}
