#pragma once

#include "kernels/cuda/mlp_training_network.h"
#include "kernels/stream.h"

namespace mynah::kernels::cuda {

/// How many blocks (1, 2, 4 or 8) a cluster of the kernel below can have on the stream's device, each with so much
/// shared memory. 1: there are no clusters, or this build has no code for them.
Index most_blocks_of_cluster(const Stream& stream, std::size_t shared_bytes);

/// train_mlp with a cluster of arguments.plan.blocks for each member.
void train_in_clusters(Stream& stream, const MlpTrainingArguments& arguments, Index members);

}  // namespace mynah::kernels::cuda
