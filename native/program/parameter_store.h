// The parameters of a model, outside of any Program, so that training, evaluation, prediction and streaming share them.
//
// Optimised groups lie one after the other in one flat buffer; gradients and optimiser slots mirror it. Groups that are
// not optimised (normalisation, statistics) lie in a second buffer. Each group's slice is in the backend's own layout;
// everything that leaves or enters is canonical.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "program/initializer.h"

namespace cugru {

// What holds a parameter's weights down; see ParamRange. A parameter's rows are along its first axis.
struct ParamRule {
  float l2 = 0, maxNorm = 0;
  bool any() const { return l2 > 0 || maxNorm > 0; }
};

struct GroupSpec : GroupDesc {
  bool buffer = false;  // not optimised
  bool frozen = false;
  float rateFactor = 1, decayFactor = 1;
  std::vector<InitSpec> initializers;  // one per param; empty: zeros
  std::vector<ParamRule> rules;        // one per param; empty: none
};

enum class StoreContent : uint8_t { parameters, gradients, slot0, slot1 };

class ParameterStore {
 public:
  // Allocates and zeroes. ERR_SHAPE when a group's params are not what its op needs.
  ParameterStore(Backend& backend, Stream& stream, std::vector<GroupSpec> groups);

  size_t groupCount() const { return groups_.size(); }
  const GroupSpec& spec(size_t group) const { return groups_[group].spec; }

  void initialize(uint64_t seed, Stream& stream);

  // Floats of all groups in order, canonical. Gradients and slots have only the optimised groups.
  int64_t canonicalElements(StoreContent content) const;
  void read(StoreContent content, float* canonical, Stream& stream) const;
  // Refuses values that are not finite (ERR_NOT_FINITE names parameter and index); nothing changes then.
  void write(StoreContent content, const float* canonical, Stream& stream);

  void configureOptimizer(const OptimizerDesc& desc, Stream& stream);  // slots start at zero, step() at zero
  bool hasOptimizer() const { return optimizer_ != nullptr; }
  void setGroup(size_t group, bool frozen, float rateFactor, float decayFactor);
  // A run of updates: each clips, steps and prepares, and is counted when it was queued. Those that were skipped do not count as
  // steps in the end.
  void beginUpdates(Stream& stream);
  void update(const StepControl* control, Stream& stream);  // device work and nothing else: it may be recorded
  void countUpdate();
  UpdateReport endUpdates(Stream& stream);
  void zeroGradients(Stream& stream);

  uint64_t step() const { return step_; }                    // updates done
  void setStep(uint64_t step) { step_ = step; }              // when resuming
  LossScale lossScale(Stream& stream) const;                 // of nothing without an optimizer
  void setLossScale(const LossScale& scale);                 // when resuming; ERR_STATE without an optimizer
  uint64_t version() const { return version_; }              // changes with every change of a parameter
  uint64_t configuration() const { return configuration_; }  // changes with the optimiser and its memory

  // An independent copy with parameters and prepared weights, without gradients and slots: for streaming.
  std::unique_ptr<ParameterStore> snapshot(Stream& stream) const;

  const float* params(size_t group) const;
  const void* prepared(size_t group) const;
  float* buffers(size_t group);  // of a group that is not optimised
  void buffersChanged() { ++version_; }
  float* gradients(size_t group);  // null for buffers; allocates all gradients at the first call (ensureGradients)
  void ensureGradients();
  size_t bytes() const;

 private:
  struct Group {
    GroupSpec spec;
    std::unique_ptr<ParameterLayout> layout;
    int64_t first = 0;          // float offset in its flat buffer
    size_t preparedOffset = 0;  // bytes
    int64_t canonical = 0;      // floats in canonical form
  };
  float* slice(const Group& group, StoreContent content) const;
  std::unique_ptr<Memory> floats(int64_t count) const;
  void prepare(Stream& stream);
  OptimizerArgs optimizerArgs() const;
  void rebuildRanges();
  void addRanges(const Group& group);
  std::vector<ParamRange> ruledRanges(const Group& group, const ParamRange& whole) const;
  void expectFinite(const Group& group, const float* canonical) const;

  Backend& backend_;
  std::vector<Group> groups_;
  int64_t optimized_ = 0, buffered_ = 0;  // floats
  size_t preparedBytes_ = 0;
  std::unique_ptr<Memory> params_, buffers_, prepared_, gradients_, slots_[2], optimizerWorkspace_, report_;
  std::unique_ptr<Optimizer> optimizer_;
  OptimizerDesc optimizerDesc_;
  std::vector<ParamRange> ranges_;
  uint64_t step_ = 0, version_ = 0, configuration_ = 0;
};

}  // namespace cugru
