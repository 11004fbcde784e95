// Gathers the kernels over the Vec that the including file chose, and makes their table.
// Everything is in an anonymous namespace and nothing of the standard library is used: the linker must never keep this
// file's copy of a function for callers on an older processor.
// Each file uses those before it.
// clang-format off
#include "cpu/isa/math.inl"
#include "cpu/isa/gru_forward.inl"
#include "cpu/isa/gru_backward.inl"
#include "cpu/isa/cells.inl"
#include "cpu/isa/products.inl"
#include "cpu/isa/convolution.inl"
#include "cpu/isa/pooling.inl"
#include "cpu/isa/normalization.inl"
#include "cpu/isa/pointwise.inl"
#include "cpu/isa/dropout.inl"
#include "cpu/isa/update.inl"
// clang-format on

namespace cugru::cpu {
namespace {

constexpr Table kTable = {
    Vec::N,
    2 * Vec::N,
    Vec::kGruRows,
    gruForward,
    gruProject,
    gruBackward,
    cellForward,
    cellBackward,
    panelProduct,
    outerTile,
    softmaxRow,
    softmaxGradientRow,
    activationGradient,
    addVectors,
    addRows,
    dropoutForward,
    dropoutBackward,
    sumOfSquares,
    convProduct,
    convOuter,
    maxPool,
    maxPoolGradient,
    avgPool,
    avgPoolGradient,
    layerNormRow,
    layerNormGradientRow,
    addDeviations,
    addProducts,
    scaleChannels,
    batchNormGradient,
    sgdUpdate,
    adamUpdate,
    multiplyVectors,
    scaleVector,
    addScaled,
    dotProduct,
    activateVector,
    activationInputGradient,
};

}  // namespace
}  // namespace cugru::cpu
