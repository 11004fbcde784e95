#include "cuda/rnn_choice.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "core/error.h"
#include "cuda/choices.h"
#include "cuda/rnn_trial.h"

namespace cugru::cuda {

namespace {

constexpr int64_t kLongSteps = 2048;  // where others saw kernels go wrong that were right for short sequences
constexpr size_t kMostLongBytes = size_t{2} << 30;  // that the long trial may take

struct Name {
  cudnnRNNAlgo_t algorithm;
  const char* word;
};
constexpr Name kNames[] = {{CUDNN_RNN_ALGO_STANDARD, "standard"},
                           {CUDNN_RNN_ALGO_PERSIST_STATIC, "persist-static"},
                           {CUDNN_RNN_ALGO_PERSIST_DYNAMIC, "persist-dynamic"},
                           {CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H, "small-h"}};

// What is tried. Of mixtures only the one that is known to be allowed, PyTorch's own: what another makes of a reserve space that is not
// its own may take the GPU with it.
constexpr RnnAlgorithms kTried[] = {
    {CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H, CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H},
    {CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H, CUDNN_RNN_ALGO_STANDARD},
    {CUDNN_RNN_ALGO_PERSIST_STATIC, CUDNN_RNN_ALGO_PERSIST_STATIC},
    {CUDNN_RNN_ALGO_PERSIST_DYNAMIC, CUDNN_RNN_ALGO_PERSIST_DYNAMIC},
};

std::optional<cudnnRNNAlgo_t> algorithmOf(const std::string& word) {
  for (const Name& one : kNames) {
    if (word == one.word) return one.algorithm;
  }
  return std::nullopt;
}

const char* wordFor(cudnnRNNAlgo_t algorithm) {
  for (const Name& one : kNames) {
    if (algorithm == one.algorithm) return one.word;
  }
  return "";
}

std::optional<RnnAlgorithms> algorithmsOf(const std::string& words) {
  const size_t slash = words.find('/');
  const auto forward = algorithmOf(words.substr(0, slash));
  const auto backward = slash == std::string::npos ? forward : algorithmOf(words.substr(slash + 1));
  if (!forward || !backward) return std::nullopt;
  return RnnAlgorithms{*forward, *backward};
}

std::optional<RnnAlgorithms> forced() {
  const char* value = std::getenv("CUGRU_CUDA_ALGO");
  if (value == nullptr || *value == '\0') return std::nullopt;
  if (const auto found = algorithmsOf(value)) return found;
  fail(code::kValue, "CUGRU_CUDA_ALGO must be 'standard', 'persist-static', 'persist-dynamic', 'small-h', or two of ",
       "them (forward/back), got '", value, "'");
}

// CUGRU_CUDA_TRIAL_LAYOUT, for those who measure: trials are of batch-major data, and what runs is the standard algorithm.
bool triesBatchMajor() {
  const char* value = std::getenv("CUGRU_CUDA_TRIAL_LAYOUT");
  const std::string word = value != nullptr ? value : "";
  if (word.empty() || word == "time-major") return false;
  if (word == "batch-major") return true;
  fail(code::kValue, "CUGRU_CUDA_TRIAL_LAYOUT must be 'time-major' or 'batch-major', got '", word, "'");
}

std::string keyOf(const Device& device, const RnnCall& call) {
  const RnnShape& shape = call.form.shape;
  const bool batchMajor = call.form.layout == CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
  return text("rnn\n", machineOf(device), "cell ", cellKind(shape.cell).name, "\nprecision ",
              cugru::cuda::wordFor(call.form.precision), "\ninputs ", call.form.width(), "\nunits ", shape.hiddenSize,
              "\nlayers ", shape.layers, "\ndirections ", shape.directions, "\nsteps ", call.steps, "\nbatch ",
              call.batch, "\ntraining ", call.training ? "yes" : "no", "\n", batchMajor ? "layout batch-major\n" : "");
}

// One line of what was found: "small-h/standard 0.4 1.2", or "persist-static refused: why".
struct Finding {
  RnnAlgorithms algorithms;
  RnnTimes times;
  std::string refusal;
};

std::string oneLine(std::string words) {
  std::replace(words.begin(), words.end(), '\n', ' ');
  return words;
}

std::string linesOf(RnnAlgorithms chosen, const std::vector<Finding>& all) {
  std::string lines = text("chosen ", wordsFor(chosen), "\n");
  for (const Finding& one : all) {
    lines += wordsFor(one.algorithms);
    if (one.refusal.empty()) {
      lines += text(" ", one.times.forward, " ", one.times.backward, one.times.recorded ? "\n" : " not recorded\n");
    } else {
      lines += text(" refused: ", oneLine(one.refusal), "\n");
    }
  }
  return lines;
}

std::optional<RnnAlgorithms> chosenOf(const std::string& lines) {
  const std::string head = "chosen ";
  const size_t end = lines.find('\n');
  if (lines.compare(0, head.size(), head) != 0 || end == std::string::npos) return std::nullopt;
  return algorithmsOf(lines.substr(head.size(), end - head.size()));
}

bool isOutOfMemory(const Error& error) { return std::string(error.code()) == code::kOutOfMemory; }

// Tries all algorithms on one call, and the best of them on a long sequence.
class Chooser {
 public:
  Chooser(const std::shared_ptr<Device>& device, const RnnCall& call, const KeptChoice& kept)
      : device_(device), call_(call), kept_(kept), fatal_(kept.fatal()), stream_(device) {}

  RnnAlgorithms choose() {
    RnnTrial trial(device_, call_, stream_.get());
    findings_.push_back({{}, trial.time({}), ""});
    for (const RnnAlgorithms& algorithms : kTried) {
      if (!call_.training && !(algorithms.forward == algorithms.backward)) continue;  // there is one way only
      findings_.push_back(tried(algorithms, trial));
    }
    const RnnAlgorithms best = fastest();
    kept_.write(linesOf(best, findings_));
    return best;
  }

 private:
  // Whatever fails is a refusal, but for a lack of memory, which may be another one tomorrow, and for the loss of the GPU: then it
  // stays written down that this was tried.
  template <typename Work>
  std::string refusalOf(RnnAlgorithms algorithms, const Work& work) {
    kept_.trying(wordsFor(algorithms));
    std::string why;
    try {
      why = work();
    } catch (const Error& error) {
      if (device_->lost()) throw;
      if (isOutOfMemory(error)) {
        kept_.tried();
        throw;
      }
      why = error.what();
    }
    kept_.tried();
    return why;
  }

  Finding tried(RnnAlgorithms algorithms, RnnTrial& trial) {
    Finding found{algorithms, {}, ""};
    if (wordsFor(algorithms) == fatal_) {
      found.refusal = "the process or the GPU ended when it was tried";
      return found;
    }
    found.refusal = refusalOf(algorithms, [&] {
      const std::string wrong = trial.compare(algorithms);
      if (!wrong.empty()) return wrong;
      found.times = trial.time(algorithms);
      const bool recordable = found.times.recorded || !findings_.front().times.recorded;
      return std::string(recordable ? "" : "it cannot be recorded");
    });
    return found;
  }

  RnnAlgorithms fastest() {
    for (;;) {
      Finding* best = &findings_.front();
      for (Finding& one : findings_) {
        if (one.refusal.empty() && one.times.sum() < best->times.sum()) best = &one;
      }
      if (best == &findings_.front()) return {};
      best->refusal = refusalOf(best->algorithms, [&] { return wrongWhenLong(best->algorithms); });
      if (best->refusal.empty()) return best->algorithms;
    }
  }

  // Of the same batch, since that is what persistent kernels are laid out by; as long as memory allows.
  std::string wrongWhenLong(RnnAlgorithms algorithms) {
    RnnCall call = call_;
    call.steps = kLongSteps;
    if (call_.steps >= kLongSteps) return "";
    const RnnPasses standard(device_, call.form, call.steps, call.batch, call.training, {});
    const size_t bytes = RnnTrial::bytes(standard, call);
    if (bytes > kMostLongBytes) {
      call.steps = static_cast<int64_t>(static_cast<double>(kLongSteps) * kMostLongBytes / static_cast<double>(bytes));
    }
    if (call.steps <= call_.steps) return "";
    RnnTrial trial(device_, call, stream_.get());
    return trial.compare(algorithms);
  }

  std::shared_ptr<Device> device_;
  RnnCall call_;
  const KeptChoice& kept_;
  std::string fatal_;
  TrialStream stream_;
  std::vector<Finding> findings_;  // the standard one first
};

RnnAlgorithms measured(const std::shared_ptr<Device>& device, const RnnCall& call, const KeptChoice& kept) {
  try {
    return Chooser(device, call, kept).choose();
  } catch (const Error& error) {
    if (!isOutOfMemory(error)) throw;
    return {};
  }
}

// What a saved model brought may be anything: only what would be tried here is taken, and only if cuDNN takes it.
std::optional<RnnAlgorithms> offeredTo(const std::shared_ptr<Device>& device, const RnnCall& call,
                                       const KeptChoice& kept) {
  const std::string lines = kept.offered();
  if (lines.empty()) return std::nullopt;
  const auto chosen = chosenOf(lines);
  const bool known = chosen && (*chosen == RnnAlgorithms{} ||
                                std::find(std::begin(kTried), std::end(kTried), *chosen) != std::end(kTried));
  if (known && (call.training || chosen->forward == chosen->backward) && wordsFor(*chosen) != kept.fatal()) {
    try {
      const RnnPasses passes(device, call.form, call.steps, call.batch, call.training, *chosen);
      return chosen;
    } catch (const Error& error) {
      if (device->lost() || isOutOfMemory(error)) throw;
    }
  }
  kept.forget();
  return std::nullopt;
}

}  // namespace

std::string wordsFor(RnnAlgorithms algorithms) {
  if (algorithms.forward == algorithms.backward) return wordFor(algorithms.forward);
  return text(wordFor(algorithms.forward), "/", wordFor(algorithms.backward));
}

RnnAlgorithms chooseRnn(const std::shared_ptr<Device>& device, const RnnCall& call, bool mayMeasure) {
  if (const auto wanted = forced()) return call.training ? *wanted : RnnAlgorithms{wanted->forward, wanted->forward};
  if (!timingAllowed()) return {};
  if (triesBatchMajor()) {
    RnnCall other = call;
    other.form.layout = CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED;
    const KeptChoice kept(*device, "rnn", keyOf(*device, other));
    if (mayMeasure && !chosenOf(kept.read())) measured(device, other, kept);
    return {};
  }
  const KeptChoice kept(*device, "rnn", keyOf(*device, call));
  const std::string lines = kept.read();
  if (const auto chosen = chosenOf(lines)) {
    kept.use(lines);
    return *chosen;
  }
  if (const auto chosen = offeredTo(device, call, kept)) return *chosen;
  return mayMeasure ? measured(device, call, kept) : RnnAlgorithms{};
}

}  // namespace cugru::cuda
