// What a program tells of itself.
#include "core/error.h"
#include "program/program.h"

namespace cugru {

std::string Program::recordRefusal() const {
  std::string why = backend_.recordRefusal();
  for (const Step& step : steps_) {
    if (!why.empty()) break;
    why = step.kernel->recordRefusal();
    if (!why.empty()) why = text(step.desc.name, ": ", why);
  }
  return why;
}

std::string Program::stepping() const {
  if (!backend_.recordsSteps()) return "direct";
  const std::string why = eager_.empty() ? recorder_.problem() : eager_;
  return why.empty() ? "graph" : "eager: " + why;
}

std::vector<NodeReport> Program::report() const {
  std::vector<NodeReport> nodes;
  for (const Step& step : steps_) nodes.push_back({step.desc.name, step.desc.op, step.kernel->variant()});
  return nodes;
}

const void* Program::outputData(int32_t output) const {
  const int32_t tensor = flow_.outputTensors.at(static_cast<size_t>(output));
  return tensor < 0 ? nullptr : data_[tensor];
}

}  // namespace cugru
