#include "cudnn/network.h"

#include <cmath>

namespace simulated {

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

std::vector<double> transposed(const std::vector<double>& matrix, size_t rows, size_t columns) {
  std::vector<double> out(matrix.size());
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j];
  }
  return out;
}

void append(std::vector<double>& to, Number type, const void* weights, const WeightPlace& place, size_t count) {
  if (!place.present) {
    to.insert(to.end(), count, 0.0);
    return;
  }
  const std::vector<double> values = loadAll(type, static_cast<const char*>(weights) + place.offset, place.count());
  to.insert(to.end(), values.begin(), values.end());
}

// out = bias + transposed' in
void product(std::vector<double>& out, const std::vector<double>& bias, const std::vector<double>& transposed,
             const double* in, size_t width) {
  out = bias;
  for (size_t k = 0; k < width; k++) {
    if (in[k] != 0) addScaled(out.data(), &transposed[k * out.size()], in[k], out.size());
  }
}

// One sequence of a direction: where its rows are.
struct Rows {
  Rows(const Pass& pass, int sequence)
      : pass(pass), sequence(sequence), hidden(pass.rnn->hiddenSize), stride(hidden * pass.rnn->directions()) {}

  const Pass& pass;
  int sequence;
  size_t hidden, stride;

  size_t outAt(int step) const { return pass.cell(step, sequence) * stride + pass.direction * hidden; }
  size_t keptAt(int step) const { return pass.cell(step, sequence) * kSlots * hidden; }
  size_t inAt(int step) const { return pass.cell(step, sequence) * pass.width; }
  size_t stateAt() const { return sequence * hidden; }
  // The step before, or -1.
  int before(int step) const { return step == pass.first(sequence) ? -1 : pass.direction == 0 ? step - 1 : step + 1; }
  const double* stateBefore(int step, const double* out, const double* h0) const {
    if (const int earlier = before(step); earlier >= 0) return out + outAt(earlier);
    return h0 != nullptr ? h0 + stateAt() : zeros();
  }
  const double* cellBefore(int step, const double* kept, const double* c0) const {
    if (const int earlier = before(step); earlier >= 0) return kept + keptAt(earlier) + 4 * hidden;
    return c0 != nullptr ? c0 + stateAt() : zeros();
  }
  const double* zeros() const {
    thread_local std::vector<double> row;
    if (row.size() < hidden) row.assign(hidden, 0.0);
    return row.data();
  }
};

void forwardCell(cudnnRNNMode_t cell, size_t H, const double* x, const double* r, const double* h, const double* c,
                 double* out, double* kept) {
  for (size_t j = 0; j < H; j++) {
    const auto pre = [&](size_t gate) { return x[gate * H + j] + r[gate * H + j]; };
    if (cell == CUDNN_GRU) {
      const double reset = sigmoid(pre(0)), update = sigmoid(pre(1)), q = r[2 * H + j];
      const double fresh = std::tanh(x[2 * H + j] + reset * q);
      kept[j] = reset, kept[H + j] = update, kept[2 * H + j] = fresh, kept[3 * H + j] = q;
      out[j] = (1 - update) * fresh + update * h[j];
    } else if (cell == CUDNN_LSTM) {
      const double in = sigmoid(pre(0)), forget = sigmoid(pre(1)), fresh = std::tanh(pre(2)), open = sigmoid(pre(3));
      const double state = forget * c[j] + in * fresh;
      kept[j] = in, kept[H + j] = forget, kept[2 * H + j] = fresh, kept[3 * H + j] = open, kept[4 * H + j] = state;
      out[j] = open * std::tanh(state);
    } else {
      out[j] = cell == CUDNN_RNN_TANH ? std::tanh(pre(0)) : std::fmax(pre(0), 0.0);
    }
  }
}

// From dL/dh (g) and dL/dc to the gates' gradients, in place of the gates; g becomes what reaches the state before directly, and dc
// what reaches the cell before.
void backwardCell(cudnnRNNMode_t cell, size_t H, const double* out, const double* h, const double* c, double* g,
                  double* dc, double* kept) {
  for (size_t j = 0; j < H; j++) {
    double &k0 = kept[j], &k1 = kept[H + j], &k2 = kept[2 * H + j], &k3 = kept[3 * H + j];
    if (cell == CUDNN_GRU) {
      const double reset = k0, update = k1, fresh = k2, q = k3;
      const double dFresh = g[j] * (1 - update) * (1 - fresh * fresh);
      k0 = dFresh * q * reset * (1 - reset);
      k1 = g[j] * (h[j] - fresh) * update * (1 - update);
      k2 = dFresh;
      k3 = dFresh * reset;
      g[j] *= update;
    } else if (cell == CUDNN_LSTM) {
      const double in = k0, forget = k1, fresh = k2, open = k3, t = std::tanh(kept[4 * H + j]);
      const double dState = dc[j] + g[j] * open * (1 - t * t);
      k0 = dState * fresh * in * (1 - in);
      k1 = dState * c[j] * forget * (1 - forget);
      k2 = dState * in * (1 - fresh * fresh);
      k3 = g[j] * t * open * (1 - open);
      dc[j] = dState * forget;
      g[j] = 0;
    } else {
      k0 = cell == CUDNN_RNN_TANH ? g[j] * (1 - out[j] * out[j]) : out[j] > 0 ? g[j] : 0;
      g[j] = 0;
    }
  }
}

// The gradient of row `index` of the stacked recurrent products: as the input's, but for the GRU's new gate.
double recurrentGradient(cudnnRNNMode_t cell, size_t H, const double* kept, size_t index) {
  return kept[cell == CUDNN_GRU && index >= 2 * H ? index + H : index];
}

// What is kept from one step to the next is of the descriptor's type, where that is narrow; sums are not.
void roundHalf(const Pass& pass, double* values, size_t count) {
  const Number type = numberOf(pass.rnn->type);
  if (type == Number::float16 || type == Number::bfloat16) roundAll(type, values, count);
}

}  // namespace

Parameters readParameters(const RnnDescriptor& rnn, const WeightLayout& layout, const void* weights, int pseudo) {
  Parameters all;
  const Number type = numberOf(rnn.type);
  const int gates = rnn.gates();
  const auto hidden = static_cast<size_t>(rnn.hiddenSize);
  for (int gate = 0; gate < gates; gate++) {
    append(all.input, type, weights, layout.matrix(pseudo, gate), 0);
    append(all.recurrent, type, weights, layout.matrix(pseudo, gates + gate), 0);
    append(all.inputBias, type, weights, layout.bias(pseudo, gate), hidden);
    append(all.recurrentBias, type, weights, layout.bias(pseudo, gates + gate), hidden);
  }
  const size_t rows = gates * hidden;
  all.inputTransposed = transposed(all.input, rows, all.input.size() / rows);
  all.recurrentTransposed = transposed(all.recurrent, rows, hidden);
  return all;
}

void forwardDirection(const Pass& pass, const Parameters& parameters, const double* in, const double* h0,
                      const double* c0, double* out, double* kept, double* hN, double* cN) {
  const auto H = static_cast<size_t>(pass.rnn->hiddenSize);
  std::vector<double> x, r;
  for (int b = 0; b < pass.batch; b++) {
    const Rows rows(pass, b);
    int step = pass.first(b);
    for (int n = 0; n < (*pass.lengths)[b]; n++, step = pass.next(step)) {
      const double* const h = rows.stateBefore(step, out, h0);
      product(x, parameters.inputBias, parameters.inputTransposed, in + rows.inAt(step), pass.width);
      product(r, parameters.recurrentBias, parameters.recurrentTransposed, h, H);
      forwardCell(pass.rnn->cell, H, x.data(), r.data(), h, rows.cellBefore(step, kept, c0), out + rows.outAt(step),
                  kept + rows.keptAt(step));
      roundHalf(pass, out + rows.outAt(step), H);
      roundHalf(pass, kept + rows.keptAt(step), kSlots * H);
    }
    const int last = pass.direction == 0 ? (*pass.lengths)[b] - 1 : 0;
    for (size_t j = 0; j < H; j++) {
      if (hN != nullptr) hN[rows.stateAt() + j] = out[rows.outAt(last) + j];
      if (cN != nullptr) cN[rows.stateAt() + j] = kept[rows.keptAt(last) + 4 * H + j];
    }
  }
}

void backwardDirection(const Pass& pass, const Parameters& parameters, const double* out, const double* h0,
                       const double* c0, const double* dOut, const double* dhN, const double* dcN, double* kept,
                       double* dIn, double* dh0, double* dc0) {
  const auto H = static_cast<size_t>(pass.rnn->hiddenSize);
  const size_t gateRows = pass.rnn->gates() * H;
  std::vector<double> g(H), dc(H);
  for (int b = 0; b < pass.batch; b++) {
    const Rows rows(pass, b);
    for (size_t j = 0; j < H; j++) {
      g[j] = dhN != nullptr ? dhN[rows.stateAt() + j] : 0;
      dc[j] = dcN != nullptr ? dcN[rows.stateAt() + j] : 0;
    }
    for (int step = pass.direction == 0 ? (*pass.lengths)[b] - 1 : 0; step >= 0; step = rows.before(step)) {
      addScaled(g.data(), dOut + rows.outAt(step), 1, H);
      double* const gates = kept + rows.keptAt(step);
      backwardCell(pass.rnn->cell, H, out + rows.outAt(step), rows.stateBefore(step, out, h0),
                   rows.cellBefore(step, kept, c0), g.data(), dc.data(), gates);
      roundHalf(pass, gates, (kSlots - 1) * H);
      for (size_t i = 0; i < gateRows; i++) {
        addScaled(dIn + rows.inAt(step), &parameters.input[i * pass.width], gates[i], pass.width);
        addScaled(g.data(), &parameters.recurrent[i * H], recurrentGradient(pass.rnn->cell, H, gates, i), H);
      }
    }
    for (size_t j = 0; j < H; j++) {
      if (dh0 != nullptr) dh0[rows.stateAt() + j] = g[j];
      if (dc0 != nullptr) dc0[rows.stateAt() + j] = dc[j];
    }
  }
}

Parameters weightGradients(const Pass& pass, const double* in, const double* out, const double* h0,
                           const double* kept) {
  const auto H = static_cast<size_t>(pass.rnn->hiddenSize);
  const size_t gateRows = pass.rnn->gates() * H;
  Parameters sums;
  sums.input.assign(gateRows * pass.width, 0);
  sums.recurrent.assign(gateRows * H, 0);
  sums.inputBias.assign(gateRows, 0);
  sums.recurrentBias.assign(gateRows, 0);
  for (int b = 0; b < pass.batch; b++) {
    const Rows rows(pass, b);
    int step = pass.first(b);
    for (int n = 0; n < (*pass.lengths)[b]; n++, step = pass.next(step)) {
      const double* const gates = kept + rows.keptAt(step);
      const double* const h = rows.stateBefore(step, out, h0);
      for (size_t i = 0; i < gateRows; i++) {
        const double recurrent = recurrentGradient(pass.rnn->cell, H, gates, i);
        addScaled(&sums.input[i * pass.width], in + rows.inAt(step), gates[i], pass.width);
        addScaled(&sums.recurrent[i * H], h, recurrent, H);
        sums.inputBias[i] += gates[i];
        sums.recurrentBias[i] += recurrent;
      }
    }
  }
  return sums;
}

}  // namespace simulated
