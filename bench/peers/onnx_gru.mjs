// The bytes of an ONNX model with GRU nodes (reset after: linear_before_reset), as the format's protobuf schema lays them out.
const utf8 = new TextEncoder();

function varint(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

function join(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const integer = (field, value) => join([varint(field << 3), varint(value)]);
const bytes = (field, value) => join([varint((field << 3) | 2), varint(value.length), value]);
const text = (field, value) => bytes(field, utf8.encode(value));
const message = (field, ...parts) => bytes(field, join(parts));

const float = 1;
const long = 7;
const tensor = (name, dims, array, type) =>
  message(
    5,
    ...dims.map((dim) => integer(1, dim)),
    integer(2, type),
    text(8, name),
    bytes(9, new Uint8Array(array.buffer)),
  );
const intAttribute = (name, value) => message(5, text(1, name), integer(3, value), integer(20, 2));
const textAttribute = (name, value) => message(5, text(1, name), text(4, value), integer(20, 3));
const intsAttribute = (name, values) =>
  message(5, text(1, name), ...values.map((value) => integer(8, value)), integer(20, 7));
const node = (type, inputs, outputs, attributes) =>
  message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, type),
    ...attributes,
  );
const valueInfo = (field, name, dims) =>
  message(
    field,
    text(1, name),
    message(2, message(1, integer(1, float), message(2, ...dims.map((dim) => message(1, integer(1, dim)))))),
  );

/**
 * x [steps, batch, inputs] to y [steps, batch, directions * units].
 * @param weights - `weights(count)` gives that many numbers
 */
export function onnxGru({ steps, batch, inputs, units, layers, directions }, weights) {
  const parts = [];
  let from = 'x';
  for (let layer = 0; layer < layers; layer++) {
    const width = layer === 0 ? inputs : directions * units;
    const names = ['w', 'r', 'b'].map((name) => `${name}${layer}`);
    parts.push(
      tensor(names[0], [directions, 3 * units, width], weights(directions * 3 * units * width), float),
      tensor(names[1], [directions, 3 * units, units], weights(directions * 3 * units * units), float),
      tensor(names[2], [directions, 6 * units], weights(directions * 6 * units), float),
      node(
        'GRU',
        [from, ...names],
        [`s${layer}`],
        [
          intAttribute('hidden_size', units),
          intAttribute('linear_before_reset', 1),
          textAttribute('direction', directions === 2 ? 'bidirectional' : 'forward'),
        ],
      ),
    );
    // GRU gives [steps, directions, batch, units].
    const to = layer === layers - 1 ? 'y' : `y${layer}`;
    if (directions === 2) {
      parts.push(node('Transpose', [`s${layer}`], [`t${layer}`], [intsAttribute('perm', [0, 2, 1, 3])]));
    }
    parts.push(
      tensor(`shape${layer}`, [3], BigInt64Array.of(BigInt(steps), BigInt(batch), BigInt(directions * units)), long),
      node('Reshape', [directions === 2 ? `t${layer}` : `s${layer}`, `shape${layer}`], [to], []),
    );
    from = to;
  }
  const graph = [
    text(2, 'gru'),
    ...parts,
    valueInfo(11, 'x', [steps, batch, inputs]),
    valueInfo(12, 'y', [steps, batch, directions * units]),
  ];
  return join([integer(1, 8), message(7, ...graph), message(8, text(1, ''), integer(2, 17))]);
}
