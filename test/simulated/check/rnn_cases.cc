// What cuDNN's recurrent calls compute, and that they are captured like anything else. PyTorch's results are compared with in
// test/simulated/goldens.test.ts.
#include <cmath>

#include "check/rnn.h"

namespace simulated_check {

namespace {

double lossOf(const RnnResults& results, const RnnValues& values) {
  double sum = 0;
  for (size_t i = 0; i < results.y.size(); i++) sum += static_cast<double>(results.y[i]) * values.dy[i];
  for (size_t i = 0; i < results.hy.size(); i++) sum += static_cast<double>(results.hy[i]) * values.dhy[i];
  for (size_t i = 0; i < results.cy.size(); i++) sum += static_cast<double>(results.cy[i]) * values.dcy[i];
  return sum;
}

void closeTo(const char* what, double got, double wanted, double tolerance) {
  if (std::fabs(got - wanted) <= tolerance * (1 + std::fabs(wanted))) return;
  report(__FILE__, __LINE__, std::string(what) + " is " + std::to_string(got) + ", not " + std::to_string(wanted));
}

// Central differences of the loss in a few places of one operand.
void compareDifferences(Rnn& rnn, RnnValues values, std::vector<float> RnnValues::*operand,
                        const std::vector<float>& gradient, const char* what) {
  constexpr float kStep = 1.0f / 128;
  std::vector<float>& numbers = values.*operand;
  for (size_t i = 0; i < numbers.size(); i += std::max<size_t>(numbers.size() / 11, 1)) {
    const float before = numbers[i];
    double losses[2];
    for (int side = 0; side < 2; side++) {
      numbers[i] = before + (side == 0 ? -kStep : kStep);
      rnn.setValues(values);
      OK(rnn.forward());
      losses[side] = lossOf(rnn.results(), values);
    }
    numbers[i] = before;
    closeTo(what, gradient[i], (losses[1] - losses[0]) / (2 * kStep), 2e-3);
  }
}

void checkGradients(RnnShape shape) {
  Device device;
  Rnn rnn(device, shape);
  const RnnValues values = Rnn::randomValues(shape, 7);
  rnn.setValues(values);
  rnn.train();
  const RnnResults results = rnn.results();
  compareDifferences(rnn, values, &RnnValues::x, results.dx, "dx");
  compareDifferences(rnn, values, &RnnValues::hx, results.dhx, "dhx");
  if (shape.cell == CUDNN_LSTM) compareDifferences(rnn, values, &RnnValues::cx, results.dcx, "dcx");
  compareDifferences(rnn, values, &RnnValues::weights, results.dweights, "dweights");
}

bool sameBytes(const RnnResults& a, const RnnResults& b) {
  return a.y == b.y && a.hy == b.hy && a.cy == b.cy && a.dx == b.dx && a.dhx == b.dhx && a.dcx == b.dcx &&
         a.dweights == b.dweights;
}

CUgraphExec captured(Device& device, Rnn& rnn) {
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  OK(cu().cuStreamBeginCapture_v2(device.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  rnn.train();
  OK(cu().cuStreamEndCapture(device.stream, &graph));
  OK(cu().cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cu().cuGraphDestroy(graph));
  return exec;
}

}  // namespace

CASE("rnn", lstmGradients, "an LSTM's gradients agree with differences, both directions and two layers, with lengths") {
  RnnShape shape;
  shape.cell = CUDNN_LSTM;
  shape.directions = 2, shape.layers = 2, shape.lengths = {5, 3, 1};
  checkGradients(shape);
}

CASE("rnn", tanhGradients, "a tanh RNN's gradients agree with differences") {
  RnnShape shape;
  shape.cell = CUDNN_RNN_TANH;
  shape.layers = 2;
  checkGradients(shape);
}

CASE("rnn", reluGradients, "a ReLU RNN's gradients agree with differences") {
  RnnShape shape;
  shape.cell = CUDNN_RNN_RELU;
  shape.directions = 2, shape.steps = 3;
  checkGradients(shape);
}

CASE("rnn", gruGradients, "a GRU's gradients agree with differences, both directions and two layers, with lengths") {
  RnnShape shape;
  shape.directions = 2, shape.layers = 2, shape.lengths = {5, 3, 1};
  checkGradients(shape);
}

CASE("rnn", lstmByHand, "an LSTM of one unit agrees with the formula") {
  Device device;
  RnnShape shape;
  shape.cell = CUDNN_LSTM;
  shape.steps = shape.batch = shape.input = shape.hidden = 1;
  Rnn rnn(device, shape);
  RnnValues values = Rnn::randomValues(shape, 3);
  rnn.setValues(values);
  OK(rnn.forward());
  const std::vector<float>& w = values.weights;  // w_ih, w_hh, b_ih, b_hh; i, f, g, o
  const auto pre = [&](int gate) {
    return w[gate] * values.x[0] + w[4 + gate] * values.hx[0] + w[8 + gate] + w[12 + gate];
  };
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const double c = sigmoid(pre(1)) * values.cx[0] + sigmoid(pre(0)) * std::tanh(pre(2));
  const RnnResults results = rnn.results();
  closeTo("c", results.cy[0], c, 1e-6);
  closeTo("h", results.hy[0], sigmoid(pre(3)) * std::tanh(c), 1e-6);
}

CASE("rnn", layouts, "packed and batch-major sequences give what padded ones give") {
  Device device;
  RnnShape shape;
  shape.lengths = {5, 3, 1}, shape.directions = 2, shape.layers = 2;
  Rnn padded(device, shape);
  shape.layout = CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
  Rnn major(device, shape);
  shape.layout = CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED, shape.flags = kRnnPaddedIoDisabled;
  Rnn packed(device, shape);
  const RnnValues values = Rnn::randomValues(shape, 5);
  RnnValues turned = values, dense = values;
  const auto arrange = [&](const std::vector<float>& from, int width, std::vector<float>& byBatch,
                           std::vector<float>& tight) {
    tight.clear();
    for (int step = 0; step < 5; step++) {
      for (int b = 0; b < 3; b++) {
        for (int i = 0; i < width; i++) {
          const float value = from[(step * 3 + b) * width + i];
          byBatch[(b * 5 + step) * width + i] = value;
          if (step < shape.lengths[b]) tight.push_back(value);
        }
      }
    }
  };
  arrange(values.x, shape.input, turned.x, dense.x);
  arrange(values.dy, shape.hidden * 2, turned.dy, dense.dy);
  padded.setValues(values), major.setValues(turned), packed.setValues(dense);
  for (Rnn* one : {&padded, &major, &packed}) one->train();
  const RnnResults a = padded.results(), b = major.results(), c = packed.results();
  TRUE(a.hy == b.hy && a.hy == c.hy);
  TRUE(a.dweights == b.dweights && a.dweights == c.dweights);
  TRUE(a.dhx == b.dhx && a.dhx == c.dhx);
  std::vector<float> y = a.y, tight;
  arrange(a.y, shape.hidden * 2, y, tight);
  TRUE(y == b.y);
  TRUE(std::equal(tight.begin(), tight.end(), c.y.begin()));
}

CASE("rnn", padding, "padding is filled when a value is given, and left as it is when none is") {
  Device device;
  RnnShape shape;
  shape.lengths = {5, 3, 1};
  Rnn rnn(device, shape);
  rnn.setValues(Rnn::randomValues(shape, 5));
  rnn.fill = 42;
  OK(rnn.describe());
  OK(rnn.forward());
  const size_t last = rnn.yCount() - 1;  // of the last step of the shortest sequence
  SAME(rnn.results().y[last], 42.0f);
  OK(dnn().cudnnSetRNNDataDescriptor(rnn.yDesc, CUDNN_DATA_FLOAT, shape.layout, 5, 3, 6, shape.lengths.data(),
                                     nullptr));
  OK(cu().cuMemsetD32Async(rnn.y, 0x3f800000, rnn.yCount(), device.stream));
  OK(rnn.forward());
  SAME(rnn.results().y[last], 1.0f);
}

CASE("rnn", gradientsAdd, "gradients of weights are added to what is there") {
  Device device;
  Rnn rnn(device, {});
  rnn.setValues(Rnn::randomValues(rnn.shape, 9));
  rnn.train();
  const std::vector<float> once = rnn.results().dweights;
  OK(rnn.backwardWeights());
  const std::vector<float> twice = rnn.results().dweights;
  for (size_t i = 0; i < once.size(); i++) closeTo("a gradient", twice[i], 2.0 * once[i], 1e-5);
}

CASE("rnn", nullStates, "null states are zeros") {
  Device device;
  RnnShape shape;
  shape.cell = CUDNN_LSTM;
  Rnn given(device, shape);
  shape.states = false;
  Rnn none(device, shape);
  RnnValues values = Rnn::randomValues(shape, 9);
  for (auto* state : {&values.hx, &values.cx, &values.dhy, &values.dcy}) state->assign(state->size(), 0.0f);
  given.setValues(values), none.setValues(values);
  given.train(), none.train();
  TRUE(given.results().y == none.results().y);
  TRUE(given.results().dweights == none.results().dweights);
}

CASE("rnn", smallAndStandard, "a STANDARD backward pass may follow a SMALL_H forward pass") {
  Device device;
  RnnShape shape;
  Rnn rnn(device, shape);
  rnn.setValues(Rnn::randomValues(shape, 9));
  rnn.shape.algo = CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H;
  OK(rnn.describe());
  const size_t most = std::max(rnn.workBytes, rnn.reserveBytes) + 4096;
  rnn.work = device.allocate(most), rnn.reserve = device.allocate(most);
  rnn.workBytes = rnn.reserveBytes = most;
  OK(rnn.forward());
  rnn.shape.algo = CUDNN_RNN_ALGO_STANDARD;
  OK(rnn.describe());
  OK(rnn.backwardData());
  device.synchronize();
}

CASE("rnn", captured, "a captured training step gives the same bytes as one that was not") {
  Device device;
  RnnShape shape;
  shape.layers = 2, shape.directions = 2, shape.lengths = {5, 3, 1};
  Rnn rnn(device, shape);
  rnn.setValues(Rnn::randomValues(shape, 11));
  rnn.train();
  const RnnResults first = rnn.results();
  const CUgraphExec exec = captured(device, rnn);
  rnn.setValues(Rnn::randomValues(shape, 12));
  OK(cu().cuGraphLaunch(exec, device.stream));
  const RnnResults replayed = rnn.results();
  TRUE(!sameBytes(first, replayed));
  rnn.train();
  TRUE(sameBytes(rnn.results(), replayed));
  OK(cu().cuGraphExecDestroy(exec));
}

CASE("rnn", bakedLengths, "a graph keeps the lengths that it was captured with") {
  Device device;
  RnnShape shape;
  shape.lengths = {5, 3, 1};
  Rnn rnn(device, shape);
  rnn.setValues(Rnn::randomValues(shape, 13));
  rnn.train();
  const RnnResults first = rnn.results();
  const CUgraphExec exec = captured(device, rnn);
  rnn.shape.lengths = {2, 2, 2};
  OK(rnn.describe());
  OK(cu().cuGraphLaunch(exec, device.stream));
  TRUE(sameBytes(rnn.results(), first));
  OK(cu().cuGraphExecDestroy(exec));
}

CASE("rnn", coldCapture, "what has not run yet is not captured") {
  Device device;
  Rnn rnn(device, {});
  device.synchronize();
  OK(cu().cuStreamBeginCapture_v2(device.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  GIVES(CUDNN_STATUS_INTERNAL_ERROR, rnn.forward());
  CUgraph graph = nullptr;
  GIVES(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cu().cuStreamEndCapture(device.stream, &graph));
}

CASE("rnn", blockingCapture, "a blocking stream is not captured") {
  Device device(CU_STREAM_DEFAULT);
  Rnn rnn(device, {});
  OK(rnn.forward());
  device.synchronize();
  OK(cu().cuStreamBeginCapture_v2(device.stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  GIVES(CUDNN_STATUS_INTERNAL_ERROR, rnn.forward());
  CUgraph graph = nullptr;
  GIVES(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cu().cuStreamEndCapture(device.stream, &graph));
}

}  // namespace simulated_check
