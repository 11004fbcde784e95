// What sim_check does besides its cases: "run <input> <output>", one training step of numbers in a file, for tests that have results
// of somebody else's to compare with; "leak", a process that gives nothing back.
#include <fstream>

#include "check/rnn.h"

namespace simulated_check {

namespace {

// cell, steps, batch, input, hidden, layers, directions; whether states and lengths are given.
struct Header {
  int32_t cell, steps, batch, input, hidden, layers, directions, states, lengths;
};

template <typename T>
std::vector<T> read(std::ifstream& file, size_t count) {
  std::vector<T> values(count);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(T)));
  return values;
}

void write(std::ofstream& file, const std::vector<float>& values) {
  file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
}

int run(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ifstream in(argv[0], std::ios::binary);
  const Header header = read<Header>(in, 1)[0];
  RnnShape shape;
  shape.cell = static_cast<cudnnRNNMode_t>(header.cell);
  shape.steps = header.steps, shape.batch = header.batch, shape.input = header.input, shape.hidden = header.hidden;
  shape.layers = header.layers, shape.directions = header.directions;
  shape.layout = CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
  if (header.lengths != 0) shape.lengths = read<int>(in, static_cast<size_t>(header.batch));
  RnnValues values = Rnn::randomValues(shape, 0);  // for their sizes
  for (auto* one : {&values.x, &values.dy, &values.hx, &values.cx, &values.dhy, &values.dcy, &values.weights}) {
    *one = read<float>(in, one->size());
  }
  if (!in) return 2;
  Device device;
  Rnn rnn(device, shape);
  rnn.setValues(values);
  rnn.train();
  const RnnResults results = rnn.results();
  std::ofstream out(argv[1], std::ios::binary);
  for (const auto* one :
       {&results.y, &results.hy, &results.cy, &results.dx, &results.dhx, &results.dcx, &results.dweights}) {
    write(out, *one);
  }
  return failures() == 0 ? 0 : 1;
}

int leak(int, char**) {
  CUcontext context = nullptr;
  CUdeviceptr memory = 0;
  OK(cu().cuInit(0));
  OK(cu().cuDevicePrimaryCtxRetain(&context, 0));
  OK(cu().cuCtxSetCurrent(context));
  OK(cu().cuMemAlloc_v2(&memory, 77));
  return failures() == 0 ? 0 : 1;
}

const bool added = (commands().insert(commands().end(), {{"run", run}, {"leak", leak}}), true);

}  // namespace

}  // namespace simulated_check
