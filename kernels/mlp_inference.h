#pragma once

#include "kernels/mlp_training.h"

/// Inference of multilayer perceptrons: a whole network in one launch.
///
/// Layer by layer, a small network is a handful of launches whose results travel through memory. Here a block of
/// threads keeps the weights in its shared memory and takes tiles of rows through all layers; nothing but x and y
/// touches device memory. Where the weights do not fit they stream through shared memory, layer by layer, while the
/// values of the rows stay.
namespace mynah::kernels {

/// What stands before the first layer and behind the last one; each may be empty, mean and deviation together, low and
/// high together.
struct MlpEnds {
  ConstVector input_mean, input_deviation;    ///< [inputs]: the network gets (x - mean) / deviation.
  ConstVector output_mean, output_deviation;  ///< [outputs]: it gives y deviation + mean,
  ConstVector low, high;                      ///< [outputs]: clipped to low <= y <= high; NaN stays NaN.
};

/// y = ends(network(ends(x))), with the linear layers of `shape` (kernels/mlp_training.h) among `parameters`:
///
///   x  [rows, inputs]      y  [rows, outputs], overlaps nothing
///
/// The same as standardize, linear_forward for every layer, unstandardize and clipping one after another. Any number of
/// rows, zero included. Sums run over a layer's inputs in an order that depends on the shape alone, so that a row's
/// result does not depend on which others come with it. On CUDA the values of 8 rows have to fit into a block's shared
/// memory: infers_mlp().
void infer_mlp(Stream& stream, const MlpShape& shape, const float* parameters, const MlpEnds& ends, ConstMatrix x,
               Matrix y);

/// How a stream's device would run it.
enum class MlpInference {
  resident,  ///< Weights in shared memory, loaded once a block; on the CPU always.
  streamed,  ///< Weights read again for every tile of rows: for many rows, layer by layer may be faster.
  none,      ///< Too wide.
};
MlpInference infers_mlp(Stream& stream, const MlpShape& shape);

MYNAH_CUDA_TWIN(infer_mlp)
namespace cuda {
MlpInference infers_mlp(Stream&, const MlpShape&);
}

namespace eigen {
void infer_mlp(Stream&, const MlpShape&, const float* parameters, const MlpEnds&, ConstMatrix x, Matrix y);
}  // namespace eigen

/// For contracts of such networks. Errors: Error::Cause::internal, naming the operation.
void require_mlp(const MlpShape& shape, const MlpEnds& ends, const char* operation);

}  // namespace mynah::kernels
