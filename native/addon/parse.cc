#include "addon/parse.h"

#include <cmath>
#include <limits>

#include "addon/arguments.h"

namespace cugru {

namespace {

template <typename T, typename Read>
std::vector<T> mapped(const Napi::Value& value, const char* what, Read read) {
  Napi::Array array = list(value, what);
  const uint32_t length = array.Length();  // read once: a getter among the entries may append others
  std::vector<T> out;
  for (uint32_t i = 0; i < length; ++i) {
    Napi::HandleScope scope(array.Env());
    out.push_back(read(array.Get(i)));
  }
  return out;
}

int32_t id(const Napi::Value& value) { return static_cast<int32_t>(integer(value, "an id", -1, INT32_MAX)); }

int64_t dim(const Napi::Value& value) { return integer(value, "a dimension", 1, int64_t{1} << 40); }

std::vector<int64_t> dims(const Napi::Value& value) { return mapped<int64_t>(value, "dims", dim); }

TensorSpec parseTensor(const Napi::Value& value) {
  Napi::Object from = object(value, "a tensor");
  TensorSpec spec;
  spec.dtype = dtype(from.Get("dtype"), "dtype");
  spec.steps = integerOr(from, "steps", 0, 0, int64_t{1} << 30);
  spec.dims = dims(from.Get("dims"));
  spec.rows = integerOr(from, "rows", 1, 1, int64_t{1} << 30);
  spec.rowElements();  // refuses what overflows
  return spec;
}

Attribute parseAttribute(const Napi::Value& value, const std::string& name) {
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsString()) return string(value, "an attribute");
  if (value.IsTypedArray()) {
    const ArrayView view = anyArray(value, name.c_str());
    if (view.type == napi_int32_array) return std::make_shared<const std::vector<int32_t>>(int32s(value, name.c_str()));
    if (view.type == napi_float32_array) return std::make_shared<const std::vector<float>>(floats(value, name.c_str()));
  }
  fail(code::kType, "attribute '", name, "' must be a number, boolean, string, Int32Array or Float32Array");
}

Attributes parseAttributes(const Napi::Object& owner) {
  Attributes attrs;
  if (!present(owner, "attrs")) return attrs;
  Napi::Object from = object(owner.Get("attrs"), "attrs");
  Napi::Array names = list(from.GetPropertyNames(), "the names of attrs");
  for (uint32_t i = 0; i < names.Length(); ++i) {
    Napi::HandleScope scope(from.Env());
    const std::string name = string(names.Get(i), "an attribute's name");
    Napi::Value value = from.Get(name);
    if (!value.IsUndefined()) attrs.set(name, parseAttribute(value, name));
  }
  return attrs;
}

NodeSpec parseNode(const Napi::Value& value) {
  Napi::Object from = object(value, "a node");
  NodeSpec node;
  node.name = string(from.Get("name"), "a node's name");
  node.op = string(from.Get("op"), "a node's op");
  node.attrs = parseAttributes(from);
  node.inputs = mapped<int32_t>(from.Get("inputs"), "a node's inputs", id);
  node.outputs = mapped<int32_t>(from.Get("outputs"), "a node's outputs", id);
  node.group = static_cast<int32_t>(integerOr(from, "group", -1, -1, INT32_MAX));
  node.buffers = static_cast<int32_t>(integerOr(from, "buffers", -1, -1, INT32_MAX));
  return node;
}

InputKind inputKind(const std::string& name) {
  if (name == "slab") return InputKind::slab;
  if (name == "indices") return InputKind::indices;
  if (name == "value") return InputKind::value;
  fail(code::kValue, "an input's kind must be slab, indices or value, got '", name, "'");
}

GraphInput parseInput(const Napi::Value& value) {
  Napi::Object from = object(value, "an input");
  GraphInput input;
  input.name = string(from.Get("name"), "an input's name");
  input.tensor = id(from.Get("tensor"));
  input.kind = inputKind(string(from.Get("kind"), "an input's kind"));
  input.gradient = flagOr(from, "gradient", false);
  if (input.gradient && input.kind != InputKind::value) fail(code::kGraph, "only value inputs have gradients");
  return input;
}

GraphOutput parseOutput(const Napi::Value& value) {
  Napi::Object from = object(value, "an output");
  return {string(from.Get("name"), "an output's name"), id(from.Get("tensor")), flagOr(from, "seeded", false)};
}

InitSpec parseInit(const Napi::Value& value, bool isPart) {
  Napi::Object from = object(value, "an initializer");
  InitSpec init;
  init.kind = initKind(string(from.Get("kind"), "an initializer's kind"));
  init.value = numberOr(from, "value", 0);
  if (!std::isfinite(init.value)) fail(code::kValue, "an initializer's value must be finite, got ", init.value);
  init.blocks = integerOr(from, "blocks", 1, 1, 64);
  if (init.kind != InitKind::parts) return init;
  if (isPart) fail(code::kValue, "a part of an initializer has no parts of its own");
  init.parts =
      mapped<InitSpec>(from.Get("parts"), "parts", [](const Napi::Value& part) { return parseInit(part, true); });
  return init;
}

float factor(const Napi::Object& from, const char* key) {
  const double value = numberOr(from, key, 1);
  if (!(value >= 0 && value <= 1e6)) fail(code::kValue, key, " must be from 0 to 1e6, got ", value);
  return static_cast<float>(value);
}

ParamRule parseRule(const Napi::Value& value) {
  Napi::Object from = object(value, "a parameter's rule");
  const auto number = [&](const char* key) {
    const double given = numberOr(from, key, 0);
    if (!(given >= 0 && given <= 1e30)) fail(code::kValue, key, " must be from 0 to 1e30, got ", given);
    return static_cast<float>(given);
  };
  return {number("l2"), number("maxNorm")};
}

GroupSpec parseGroup(const Napi::Value& value) {
  Napi::Object from = object(value, "a parameter group");
  GroupSpec group;
  group.name = string(from.Get("name"), "a group's name");
  group.op = string(from.Get("op"), "a group's op");
  group.attrs = parseAttributes(from);
  group.params = mapped<ParamSpec>(from.Get("params"), "params", [](const Napi::Value& v) {
    Napi::Object param = object(v, "a parameter");
    return ParamSpec{string(param.Get("name"), "a parameter's name"), dims(param.Get("shape"))};
  });
  group.buffer = flagOr(from, "buffer", false);
  group.frozen = flagOr(from, "frozen", false);
  group.rateFactor = factor(from, "rateFactor");
  group.decayFactor = factor(from, "decayFactor");
  if (present(from, "initializers")) {
    group.initializers = mapped<InitSpec>(from.Get("initializers"), "initializers",
                                          [](const Napi::Value& init) { return parseInit(init, false); });
  }
  if (present(from, "rules")) group.rules = mapped<ParamRule>(from.Get("rules"), "rules", parseRule);
  return group;
}

double inRange(const Napi::Object& from, const char* key, double fallback, double low, double high) {
  const double value = numberOr(from, key, fallback);
  if (!(value >= low && value <= high)) fail(code::kValue, key, " must be from ", low, " to ", high, ", got ", value);
  return value;
}

// Multiplying by it, and dividing again, loses nothing.
float powerOfTwo(const Napi::Object& from, const char* key, double fallback) {
  const double value = inRange(from, key, fallback, 1, 16777216);
  int exponent = 0;
  if (std::frexp(value, &exponent) != 0.5) fail(code::kValue, key, " must be a power of two, got ", value);
  return static_cast<float>(value);
}

HostBinding parseHost(const Napi::Value& value) {
  Napi::Object from = object(value, "a binding");
  return {id(from.Get("index")), unwrap<HostBuffer>(from.Get("buffer"))};
}

std::vector<HostBinding> parseHosts(const Napi::Object& from, const char* key) {
  if (!present(from, key)) return {};
  return mapped<HostBinding>(from.Get(key), key, parseHost);
}

}  // namespace

GraphSpec parseGraph(const Napi::Value& value) {
  Napi::Object from = object(value, "a graph");
  GraphSpec graph;
  graph.tensors = mapped<TensorSpec>(from.Get("tensors"), "tensors", parseTensor);
  graph.nodes = mapped<NodeSpec>(from.Get("nodes"), "nodes", parseNode);
  graph.inputs = mapped<GraphInput>(from.Get("inputs"), "inputs", parseInput);
  graph.outputs = mapped<GraphOutput>(from.Get("outputs"), "outputs", parseOutput);
  for (const GraphInput& input : graph.inputs) {
    if (input.kind != InputKind::indices || input.tensor < 0) continue;
    const auto t = static_cast<size_t>(input.tensor);
    if (t < graph.tensors.size() && !(graph.tensors[t] == TensorSpec{DType::i32, 0, {}})) {
      fail(code::kShape, "indices are [batch] i32, got ", graph.tensors[t].describe());
    }
  }
  return graph;
}

std::vector<GroupSpec> parseGroups(const Napi::Value& value) { return mapped<GroupSpec>(value, "groups", parseGroup); }

GroupChange parseGroupChange(const Napi::Value& value) {
  Napi::Object from = object(value, "group options");
  GroupChange change;
  if (present(from, "frozen")) change.frozen = boolean(from.Get("frozen"), "frozen");
  if (present(from, "rateFactor")) change.rateFactor = factor(from, "rateFactor");
  if (present(from, "decayFactor")) change.decayFactor = factor(from, "decayFactor");
  return change;
}

OptimizerDesc parseOptimizer(const Napi::Value& value) {
  Napi::Object from = object(value, "an optimizer");
  const std::string kind = string(from.Get("kind"), "an optimizer's kind");
  OptimizerDesc desc;
  if (kind == "sgd") {
    desc.kind = OptimizerKind::sgd;
  } else if (kind == "adam") {
    desc.kind = OptimizerKind::adam;
  } else if (kind == "adamw") {
    desc.kind = OptimizerKind::adamw;
  } else {
    fail(code::kValue, "unknown optimizer '", kind, "'; known are sgd, adam, adamw");
  }
  constexpr double kBelowOne = 0.9999999;
  desc.momentum = static_cast<float>(inRange(from, "momentum", 0, 0, kBelowOne));
  desc.nesterov = flagOr(from, "nesterov", false);
  desc.beta1 = inRange(from, "beta1", 0.9, 0, kBelowOne);
  desc.beta2 = inRange(from, "beta2", 0.999, 0, kBelowOne);
  desc.epsilon = static_cast<float>(inRange(from, "epsilon", 1e-8, 1e-30, 1));
  desc.weightDecay = static_cast<float>(inRange(from, "weightDecay", 0, 0, 1e3));
  desc.clipNorm = static_cast<float>(inRange(from, "clipNorm", 0, 0, 1e30));
  desc.lossScale = powerOfTwo(from, "lossScale", 65536);
  desc.lossScaleGrowth = static_cast<int32_t>(integerOr(from, "lossScaleGrowth", 2000, 1, INT32_MAX));
  return desc;
}

LossScale parseLossScale(const Napi::Value& value) {
  Napi::Object from = object(value, "a loss scale");
  LossScale scale;
  scale.scale = powerOfTwo(from, "scale", 1);
  scale.good = static_cast<int32_t>(integerOr(from, "good", 0, 0, INT32_MAX));
  scale.leftOut = static_cast<int32_t>(integerOr(from, "leftOut", 0, 0, INT32_MAX));
  return scale;
}

Mode parseMode(const Napi::Value& value) {
  const std::string name = string(value, "mode");
  if (name == "train") return Mode::train;
  if (name == "evaluate") return Mode::evaluate;
  if (name == "predict") return Mode::predict;
  fail(code::kValue, "mode must be train, evaluate or predict, got '", name, "'");
}

RunRequest parseRun(const Napi::Value& value, const Session& session) {
  Napi::Object from = object(value, "a run");
  RunRequest run;
  run.segments = static_cast<unsigned>(integer(from.Get("segments"), "segments", 0, 31));
  run.rows = integer(from.Get("rows"), "rows", 0, INT32_MAX);
  if (present(from, "indices")) run.indices = int32s(from.Get("indices"), "indices");
  if (present(from, "learningRates")) run.learningRates = floats(from.Get("learningRates"), "learningRates");
  for (float rate : run.learningRates) {
    if (!(rate >= 0 && rate < std::numeric_limits<float>::infinity())) {
      fail(code::kValue, "a learning rate must be a number from 0 on, got ", rate);
    }
  }
  run.seed = static_cast<uint64_t>(integerOr(from, "seed", 0, 0, (int64_t{1} << 53) - 1));
  run.epoch = static_cast<int32_t>(integerOr(from, "epoch", 0, 0, INT32_MAX));
  run.profile = flagOr(from, "profile", false);
  run.timeReplays = flagOr(from, "timeReplays", false);
  run.gradientScale = static_cast<float>(inRange(from, "gradientScale", 1, -1e30, 1e30));
  if (present(from, "slabs")) {
    run.slabs = mapped<SlabBinding>(from.Get("slabs"), "slabs", [&](const Napi::Value& v) {
      Napi::Object binding = object(v, "a slab binding");
      auto slab = unwrap<SlabHandle>(binding.Get("slab"));
      if (slab->session.get() != &session) fail(code::kState, "a slab belongs to another session");
      return SlabBinding{id(binding.Get("index")), slab->thing};
    });
  }
  run.inputs = parseHosts(from, "inputs");
  run.outputs = parseHosts(from, "outputs");
  run.seeds = parseHosts(from, "seeds");
  run.gradients = parseHosts(from, "gradients");
  if (present(from, "cancel")) run.cancel = unwrap<CancelFlag>(from.Get("cancel"));
  run.stop = &session.stopping();
  return run;
}

}  // namespace cugru
