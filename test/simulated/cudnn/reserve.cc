#include "cudnn/reserve.h"

#include "core/settings.h"

namespace simulated {

uint64_t shapeSignature(const RnnDescriptor& rnn, const DataDescriptor& data) {
  std::vector<double> parts{double(rnn.cell),      double(rnn.bias),       double(rnn.direction), double(rnn.type),
                            double(rnn.inputSize), double(rnn.hiddenSize), double(rnn.layers),    double(data.layout),
                            double(data.steps),    double(data.batch)};
  parts.insert(parts.end(), data.lengths.begin(), data.lengths.end());
  return checksum(parts);
}

std::string checkReserve(const ReserveHeader& header, const RnnDescriptor& rnn, const DataDescriptor& data,
                         ReserveStage before) {
  if (header.magic != ReserveHeader::kMagic) return "the reserve space holds no training forward pass";
  if (header.shape != shapeSignature(rnn, data)) return "the reserve space is of a forward pass of another shape";
  if (header.stage != before) {
    return before == kForwardDone ? "cudnnRNNBackwardData_v8 comes a second time after one forward pass"
                                  : "cudnnRNNBackwardWeights_v8 comes before cudnnRNNBackwardData_v8";
  }
  const auto algo = static_cast<uint64_t>(rnn.algo);
  const bool known = header.algo == CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H && algo == CUDNN_RNN_ALGO_STANDARD;
  if (header.algo != algo && !known && numberSetting("MIXED_ALGOS", 0) == 0) {
    return join("the forward pass was algorithm ", header.algo, "'s, the backward pass is ", algo, "'s");
  }
  return "";
}

}  // namespace simulated
