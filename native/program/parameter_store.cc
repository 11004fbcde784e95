#include "program/parameter_store.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace cugru {

namespace {
constexpr int64_t kSliceAlign = 16;  // floats: 64 bytes
constexpr size_t kBytesAlign = 64;
constexpr int64_t kMaxFloats = int64_t{1} << 46;

template <typename T>
T roundUp(T value, T unit) {
  return (value + unit - 1) / unit * unit;
}
}  // namespace

ParameterStore::ParameterStore(Backend& backend, Stream& stream, std::vector<GroupSpec> groups) : backend_(backend) {
  for (GroupSpec& spec : groups) {
    Group group;
    for (const ParamSpec& param : spec.params) group.canonical += param.elements();
    if (!spec.initializers.empty() && spec.initializers.size() != spec.params.size()) {
      fail(code::kGraph, "group '", spec.name, "' has ", spec.params.size(), " parameters, but ",
           spec.initializers.size(), " initializers");
    }
    if (!spec.rules.empty() && spec.rules.size() != spec.params.size()) {
      fail(code::kGraph, "group '", spec.name, "' has ", spec.params.size(), " parameters, but rules for ",
           spec.rules.size());
    }
    for (size_t p = 0; p < spec.rules.size(); ++p) {
      if (!spec.rules[p].any() || !spec.params[p].shape.empty()) continue;
      fail(code::kShape, spec.name, ".", spec.params[p].name,
           " is a single number; a rule is for parameters with rows");
    }
    for (size_t p = 0; p < spec.initializers.size(); ++p) checkInitializer(spec.params[p], spec.initializers[p]);
    group.layout = backend.createLayout(spec);
    int64_t& total = spec.buffer ? buffered_ : optimized_;
    group.first = total;
    total += roundUp(group.layout->elements(), kSliceAlign);
    if (group.canonical > kMaxFloats || total > kMaxFloats || preparedBytes_ > size_t{kMaxFloats}) {
      fail(code::kOutOfMemory, "the parameters up to group '", spec.name, "' are more than any host can hold");
    }
    group.preparedOffset = preparedBytes_;
    preparedBytes_ += roundUp(group.layout->preparedBytes(), kBytesAlign);
    group.spec = std::move(spec);
    groups_.push_back(std::move(group));
  }
  params_ = floats(optimized_);
  buffers_ = floats(buffered_);
  prepared_ = backend.allocate(std::max(preparedBytes_, kBytesAlign));
  rebuildRanges();
  prepare(stream);
}

std::unique_ptr<Memory> ParameterStore::floats(int64_t count) const {
  return backend_.allocate(static_cast<size_t>(std::max(count, kSliceAlign)) * sizeof(float));
}

float* ParameterStore::slice(const Group& group, StoreContent content) const {
  const Memory* memory = nullptr;
  switch (content) {
    case StoreContent::parameters: memory = group.spec.buffer ? buffers_.get() : params_.get(); break;
    case StoreContent::gradients: memory = gradients_.get(); break;
    case StoreContent::slot0: memory = slots_[0].get(); break;
    case StoreContent::slot1: memory = slots_[1].get(); break;
  }
  if (memory == nullptr || (group.spec.buffer && content != StoreContent::parameters)) return nullptr;
  return static_cast<float*>(memory->data()) + group.first;
}

void ParameterStore::initialize(uint64_t seed, Stream& stream) {
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    if (group.spec.initializers.empty()) continue;
    std::vector<float> values(static_cast<size_t>(group.canonical));
    float* out = values.data();
    for (size_t p = 0; p < group.spec.params.size(); ++p) {
      const uint32_t id = static_cast<uint32_t>(g * 1024 + p);
      cugru::initialize(group.spec.params[p], group.spec.initializers[p], seed, id, out);
      out += group.spec.params[p].elements();
    }
    group.layout->fromCanonical(values.data(), slice(group, StoreContent::parameters), stream);
    stream.synchronize();
  }
  prepare(stream);
  ++version_;
}

int64_t ParameterStore::canonicalElements(StoreContent content) const {
  int64_t total = 0;
  for (const Group& group : groups_) {
    if (content == StoreContent::parameters || !group.spec.buffer) total += group.canonical;
  }
  return total;
}

void ParameterStore::read(StoreContent content, float* canonical, Stream& stream) const {
  for (const Group& group : groups_) {
    const float* from = slice(group, content);
    if (from == nullptr) {
      if (group.spec.buffer) continue;
      fail(code::kState, "there are no gradients or optimiser slots yet; train a step first");
    }
    group.layout->toCanonical(from, canonical, stream);
    canonical += group.canonical;
  }
  stream.synchronize();
}

void ParameterStore::expectFinite(const Group& group, const float* canonical) const {
  for (const ParamSpec& param : group.spec.params) {
    for (int64_t i = 0; i < param.elements(); ++i) {
      if (!std::isfinite(canonical[i])) {
        fail(code::kNotFinite, group.spec.name, ".", param.name, " has ", canonical[i], " at index ", i,
             "; weights must be finite numbers");
      }
    }
    canonical += param.elements();
  }
}

void ParameterStore::write(StoreContent content, const float* canonical, Stream& stream) {
  const float* from = canonical;
  for (const Group& group : groups_) {
    if (slice(group, content) == nullptr) {
      if (group.spec.buffer) continue;
      fail(code::kState, "the optimiser has no such slots; compile the model with the optimiser that made them");
    }
    expectFinite(group, from);
    from += group.canonical;
  }
  for (const Group& group : groups_) {
    float* to = slice(group, content);
    if (to == nullptr) continue;
    group.layout->fromCanonical(canonical, to, stream);
    canonical += group.canonical;
  }
  if (content == StoreContent::parameters) {
    prepare(stream);
    ++version_;
  }
  stream.synchronize();
}

void ParameterStore::rebuildRanges() {
  ranges_.clear();
  for (const Group& group : groups_) {
    if (!group.spec.buffer) addRanges(group);
  }
}

// The group's slice, cut where a parameter with a rule begins or ends.
void ParameterStore::addRanges(const Group& group) {
  ParamRange rest;
  rest.first = group.first;
  rest.count = group.layout->elements();
  rest.frozen = group.spec.frozen;
  rest.rateFactor = group.spec.rateFactor;
  rest.decayFactor = group.spec.decayFactor;
  const int64_t end = rest.first + rest.count;
  for (const ParamRange& ruled : ruledRanges(group, rest)) {
    rest.count = ruled.first - rest.first;
    if (rest.count > 0) ranges_.push_back(rest);
    ranges_.push_back(ruled);
    rest.first = ruled.first + ruled.count;
  }
  rest.count = end - rest.first;
  if (rest.count > 0) ranges_.push_back(rest);
}

// What parameters with rules have in the slice, in the slice's order.
std::vector<ParamRange> ParameterStore::ruledRanges(const Group& group, const ParamRange& whole) const {
  std::vector<ParamRange> out;
  if (group.spec.rules.empty()) return out;
  const std::vector<ParamPlace> places = group.layout->places();
  int64_t begin = 0;
  for (size_t p = 0; p < group.spec.rules.size(); ++p) {
    const ParamSpec& param = group.spec.params[p];
    const ParamRule& rule = group.spec.rules[p];
    const int64_t first = begin, end = first + param.elements();
    begin = end;
    if (!rule.any()) continue;
    const int64_t rowLength = param.elements() / param.shape[0];
    for (const ParamPlace& place : places) {
      const int64_t from = std::max(first, place.canonical), to = std::min(end, place.canonical + place.count);
      if (from >= to) continue;
      if ((from - first) % rowLength != 0 || (to - from) % rowLength != 0) {
        fail(code::kInternal, "the rows of ", group.spec.name, ".", param.name, " are not in one piece");
      }
      ParamRange range = whole;
      range.first = group.first + place.physical + from - place.canonical;
      range.count = to - from;
      range.l2 = rule.l2;
      range.maxNorm = rule.maxNorm;
      range.rowLength = rowLength;
      out.push_back(range);
    }
  }
  std::sort(out.begin(), out.end(), [](const ParamRange& a, const ParamRange& b) { return a.first < b.first; });
  return out;
}

void ParameterStore::setGroup(size_t index, bool frozen, float rateFactor, float decayFactor) {
  GroupSpec& spec = groups_.at(index).spec;
  spec.frozen = frozen;
  spec.rateFactor = rateFactor;
  spec.decayFactor = decayFactor;
  rebuildRanges();
}

void ParameterStore::configureOptimizer(const OptimizerDesc& desc, Stream&) {
  auto optimizer = backend_.createOptimizer(desc, optimized_);
  std::unique_ptr<Memory> slots[2], workspace, report;
  for (int i = 0; i < desc.slots(); ++i) slots[i] = floats(optimized_);
  workspace = backend_.allocate(std::max(optimizer->workspace(), kBytesAlign));
  report = backend_.allocate(kBytesAlign);
  ensureGradients();
  optimizer_ = std::move(optimizer);
  optimizerDesc_ = desc;
  for (int i = 0; i < 2; ++i) slots_[i] = std::move(slots[i]);
  optimizerWorkspace_ = std::move(workspace);
  report_ = std::move(report);
  step_ = 0;
  ++configuration_;
}

void ParameterStore::ensureGradients() {
  if (gradients_ == nullptr) gradients_ = floats(optimized_);
}

OptimizerArgs ParameterStore::optimizerArgs() const {
  if (optimizer_ == nullptr) fail(code::kState, "there is no optimiser; compile the model first");
  OptimizerArgs args;
  args.params = static_cast<float*>(params_->data());
  args.gradients = static_cast<float*>(gradients_->data());
  for (int i = 0; i < 2; ++i) args.slots[i] = slots_[i] ? static_cast<float*>(slots_[i]->data()) : nullptr;
  args.elements = optimized_;
  args.ranges = ranges_.data();
  args.rangeCount = ranges_.size();
  args.workspace = optimizerWorkspace_->data();
  args.report = static_cast<UpdateReport*>(report_->data());
  return args;
}

void ParameterStore::update(const StepControl* control, Stream& stream) {
  OptimizerArgs args = optimizerArgs();
  args.control = control;
  optimizer_->update(args, stream);
  prepare(stream);
}

void ParameterStore::countUpdate() {
  ++step_;
  ++version_;
}

void ParameterStore::zeroGradients(Stream& stream) {
  if (gradients_) backend_.zero(gradients_->data(), gradients_->bytes(), stream);
}

void ParameterStore::beginUpdates(Stream& stream) {
  if (report_ != nullptr) backend_.zero(report_->data(), sizeof(UpdateReport), stream);
  if (optimizer_ != nullptr) optimizer_->begin(optimizerArgs(), stream);
}

UpdateReport ParameterStore::endUpdates(Stream& stream) {
  UpdateReport report;
  if (report_ == nullptr) return report;
  backend_.download(&report, report_->data(), sizeof report, stream);
  stream.synchronize();
  step_ -= static_cast<uint64_t>(report.skipped);
  return report;
}

LossScale ParameterStore::lossScale(Stream& stream) const {
  return optimizer_ != nullptr ? optimizer_->lossScale(stream) : LossScale{};
}

void ParameterStore::setLossScale(const LossScale& scale) {
  if (optimizer_ == nullptr) fail(code::kState, "there is no optimiser; compile the model first");
  optimizer_->setLossScale(scale);
}

void ParameterStore::prepare(Stream& stream) {
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    if (group.layout->preparedBytes() == 0) continue;
    group.layout->prepare(params(g), const_cast<void*>(prepared(g)), stream);
  }
}

std::unique_ptr<ParameterStore> ParameterStore::snapshot(Stream& stream) const {
  std::vector<GroupSpec> specs;
  for (const Group& group : groups_) specs.push_back(group.spec);
  auto copy = std::make_unique<ParameterStore>(backend_, stream, std::move(specs));
  backend_.copy(copy->params_->data(), params_->data(), params_->bytes(), stream);
  backend_.copy(copy->buffers_->data(), buffers_->data(), buffers_->bytes(), stream);
  backend_.copy(copy->prepared_->data(), prepared_->data(), prepared_->bytes(), stream);
  copy->version_ = version_;
  stream.synchronize();
  return copy;
}

const float* ParameterStore::params(size_t group) const { return slice(groups_[group], StoreContent::parameters); }

float* ParameterStore::buffers(size_t group) {
  if (!groups_[group].spec.buffer)
    fail(code::kGraph, "group '", groups_[group].spec.name, "' is optimised, and not kept");
  return slice(groups_[group], StoreContent::parameters);
}

const void* ParameterStore::prepared(size_t group) const {
  if (groups_[group].layout->preparedBytes() == 0) return nullptr;
  return static_cast<const char*>(prepared_->data()) + groups_[group].preparedOffset;
}

float* ParameterStore::gradients(size_t group) {
  ensureGradients();
  return slice(groups_[group], StoreContent::gradients);
}

size_t ParameterStore::bytes() const {
  size_t total = params_->bytes() + buffers_->bytes() + prepared_->bytes();
  for (const auto* memory : {gradients_.get(), slots_[0].get(), slots_[1].get(), optimizerWorkspace_.get()}) {
    if (memory != nullptr) total += memory->bytes();
  }
  return total;
}

}  // namespace cugru
