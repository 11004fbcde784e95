// What an algorithm is asked to do and may refuse, and how much room it wants.
#pragma once

#include "cudnn/descriptors.h"

namespace simulated {

enum class Stage { sizes, forward, backward };

// By the algorithms' own limits, and by the rules in CUGRU_SIMULATED_REFUSE.
cudnnStatus_t checkAlgorithm(const RnnDescriptor& rnn, const DataDescriptor& data, Stage pass);
// Whether a pass gives what is not right, by CUGRU_SIMULATED_WRONG; what it costs, by CUGRU_SIMULATED_COST (1 where no rule holds).
bool isWrong(const RnnDescriptor& rnn, const DataDescriptor& data, Stage pass);
double costOf(const RnnDescriptor& rnn, const DataDescriptor& data, Stage pass);
cudnnStatus_t checkBuilt(const RnnDescriptor& rnn, const DataDescriptor& data);

size_t workBytes(const RnnDescriptor& rnn, const DataDescriptor& data);
size_t reserveBytes(const RnnDescriptor& rnn, const DataDescriptor& data);
// Where in the reserve space what begins.
struct ReserveLayout {
  ReserveLayout(const RnnDescriptor& rnn, const DataDescriptor& data);
  size_t outDoubles, keptDoubles;  // of one layer; of one pseudo-layer
  size_t outAt(int layer) const;   // in bytes
  size_t keptAt(int pseudoLayer) const;
  size_t end() const;

 private:
  int layers_, pseudoLayers_;
};

}  // namespace simulated
