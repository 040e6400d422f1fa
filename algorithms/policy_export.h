#pragma once

#include <filesystem>

#include "algorithms/policy.h"

namespace mynah {

/// The policy file that a path names: the file itself, or the policy of a run folder. Errors: input_error when there is
/// none, for example because the run is not finished.
std::filesystem::path find_policy(const std::filesystem::path& path);

/// The policy files of an ensemble: the members of a population's run folder, in order; else find_policy(path) alone.
/// Errors: as find_policy, and for a population whose members are not all there.
std::vector<std::filesystem::path> find_members(const std::filesystem::path& path);

/// The network alone, for other programs: tensors "0.weight", "0.bias", "2.weight", ... of a torch.nn.Sequential of
/// Linear layers and activations. The normalisation of observations is folded into the first layer and that of actions
/// into the last:
///
///   w (x - mean)/deviation + b = (w / deviation) x + (b - Σ_i w_i mean_i / deviation_i)
///   deviation (w x + b) + mean = (deviation w) x + (deviation b + mean)
///
/// computed in double. Metadata "torch.nn.Sequential" says what to build. Of a policy that sees several observations,
/// or predicts several actions, it takes and gives them flat, oldest first; metadata "memory" says so. Errors:
/// input_error for a recurrent policy.
///
/// Of a head that is a distribution the outputs are its parameters as kernels/mixture_likelihood.h has them, of actions
/// in their own units, with log_scale folded in: metadata "mynah.outputs" says which. Not in them are the limits of the
/// log-deviations. The action that mynah takes is the mean of the component with the largest logit.
SafetensorsFile plain_network(Policy& policy);

}  // namespace mynah
