#include "cudnn/limits.h"

#include <cstdlib>
#include <map>

#include "core/settings.h"
#include "cudnn/network.h"
#include "cudnn/reserve.h"

namespace simulated {

namespace {

cudnnStatus_t unsupported(const std::string& why) { return refuse(CUDNN_STATUS_NOT_SUPPORTED, why); }

// One rule of CUGRU_SIMULATED_REFUSE: "algo=3,cell=3,hiddenAbove=128,pass=backward". All parts must hold.
bool ruleHolds(const std::string& rule, const RnnDescriptor& rnn, const DataDescriptor& data, Stage stage) {
  const std::map<std::string, long> facts{{"algo", rnn.algo},
                                          {"cell", rnn.cell},
                                          {"type", rnn.type},
                                          {"layers", rnn.layers},
                                          {"directions", rnn.directions()},
                                          {"hidden", rnn.hiddenSize},
                                          {"input", rnn.inputSize},
                                          {"batch", data.batch},
                                          {"steps", data.steps},
                                          {"math", rnn.mathType}};
  const char* const stageName = stage == Stage::sizes ? "sizes" : stage == Stage::forward ? "forward" : "backward";
  for (const std::string& part : split(rule, ',')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) return false;
    std::string name = part.substr(0, equals);
    const std::string value = part.substr(equals + 1);
    if (name == "pass") {
      if (value != stageName) return false;
      continue;
    }
    const bool above = name.size() > 5 && name.compare(name.size() - 5, 5, "Above") == 0;
    if (above) name.resize(name.size() - 5);
    const auto fact = facts.find(name);
    const long wanted = std::strtol(value.c_str(), nullptr, 10);
    if (fact == facts.end() || (above ? fact->second <= wanted : fact->second != wanted)) return false;
  }
  return true;
}

cudnnStatus_t checkSmall(const RnnDescriptor& rnn, Stage stage) {
  const bool gated = rnn.cell == CUDNN_GRU || rnn.cell == CUDNN_LSTM;
  const int most = stage == Stage::backward ? (gated ? 128 : 256) : (gated ? 192 : 384);
  if (rnn.type == CUDNN_DATA_DOUBLE) return unsupported("PERSIST_STATIC_SMALL_H has no double precision");
  if (rnn.hiddenSize > most)
    return unsupported(join("PERSIST_STATIC_SMALL_H takes a hidden size of ", most, " at most here"));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t checkStatic(const RnnDescriptor& rnn, const DataDescriptor& data) {
  if (rnn.hiddenSize % 32 != 0 || rnn.inputSize % 32 != 0 || data.batch % 8 != 0 || rnn.hiddenSize > 1024) {
    return unsupported(
        "PERSIST_STATIC takes sizes in multiples of 32, batches in multiples of 8, hidden sizes to 1024");
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t checkAlgorithm(const RnnDescriptor& rnn, const DataDescriptor& data, Stage stage) {
  for (const std::string& rule : split(setting("REFUSE"), ';')) {
    if (!rule.empty() && ruleHolds(rule, rnn, data, stage))
      return unsupported("refused by CUGRU_SIMULATED_REFUSE: " + rule);
  }
  if (rnn.input == CUDNN_SKIP_INPUT) return unsupported("SKIP_INPUT is not simulated");
  if (rnn.algo == CUDNN_RNN_ALGO_STANDARD) return CUDNN_STATUS_SUCCESS;
  if (data.ragged()) return unsupported("persistent algorithms take sequences of one length only");
  if (rnn.algo == CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H) return checkSmall(rnn, stage);
  return rnn.algo == CUDNN_RNN_ALGO_PERSIST_STATIC ? checkStatic(rnn, data) : CUDNN_STATUS_SUCCESS;
}

bool isWrong(const RnnDescriptor& rnn, const DataDescriptor& data, Stage stage) {
  for (const std::string& rule : split(setting("WRONG"), ';')) {
    if (!rule.empty() && ruleHolds(rule, rnn, data, stage)) return true;
  }
  return false;
}

// "algo=3,pass=forward:2.5;algo=0:4": the first rule that holds.
double costOf(const RnnDescriptor& rnn, const DataDescriptor& data, Stage stage) {
  for (const std::string& priced : split(setting("COST"), ';')) {
    const size_t colon = priced.find(':');
    if (colon == std::string::npos) continue;
    if (ruleHolds(priced.substr(0, colon), rnn, data, stage)) return std::strtod(priced.c_str() + colon + 1, nullptr);
  }
  return 1;
}

cudnnStatus_t checkBuilt(const RnnDescriptor& rnn, const DataDescriptor& data) {
  if (rnn.algo != CUDNN_RNN_ALGO_PERSIST_DYNAMIC || rnn.built.count(data.batch) > 0) return CUDNN_STATUS_SUCCESS;
  return refuse(CUDNN_STATUS_BAD_PARAM, join("cudnnBuildRNNDynamic was not called for a batch of ", data.batch));
}

// Neither monotonic in anything, nor a multiple of an alignment.
size_t workBytes(const RnnDescriptor& rnn, const DataDescriptor& data) {
  const auto steps = static_cast<size_t>(data.steps), batch = static_cast<size_t>(data.batch);
  const auto hidden = static_cast<size_t>(rnn.hiddenSize);
  const size_t jitter = (steps * 31 + batch * 17 + hidden * 7 + rnn.inputSize * 3) % 13;
  return 1004 + steps * batch * hidden * 4 * rnn.directions() + rnn.layers * hidden * 52 + jitter * 256 +
         rnn.algo * 132;
}

ReserveLayout::ReserveLayout(const RnnDescriptor& rnn, const DataDescriptor& data)
    : layers_(rnn.layers), pseudoLayers_(rnn.layers * rnn.directions()) {
  const size_t cells = static_cast<size_t>(data.steps) * data.batch * rnn.hiddenSize;
  outDoubles = cells * rnn.directions();
  keptDoubles = cells * kSlots;
}

size_t ReserveLayout::outAt(int layer) const { return sizeof(ReserveHeader) + layer * outDoubles * sizeof(double); }

size_t ReserveLayout::keptAt(int pseudoLayer) const {
  return outAt(layers_) + pseudoLayer * keptDoubles * sizeof(double);
}

size_t ReserveLayout::end() const { return keptAt(pseudoLayers_); }

size_t reserveBytes(const RnnDescriptor& rnn, const DataDescriptor& data) {
  const size_t jitter =
      (static_cast<size_t>(data.steps) * 13 + static_cast<size_t>(data.batch) * 29 + rnn.algo * 5) % 11;
  return ReserveLayout(rnn, data).end() + jitter * 512 + 20;
}

}  // namespace simulated
