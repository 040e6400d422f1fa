#pragma once

#include <filesystem>

#include "algorithms/policy.h"

namespace mynah {

/// A policy from arrays of NumPy, as networks of others are published: a perceptron with tanh between its layers,
///
///   x = (observation - obs_mean) / (obs_std + 1e-6)      action = tanh(... tanh(x w0 + b0) ...) w_last + b_last
///
/// in an `.npz` file: `obs_mean`, `obs_std` [observation_size], and for every layer k = 0, 1, ... `wk` [inputs,
/// outputs] and `bk` [outputs]. Other arrays (`log_std`) are left. Computed in float32, with weights transposed.
/// Errors: input_error naming file and array for what is missing, of another shape, or no finite number.
Policy load_npz_policy(const std::filesystem::path& path, DeviceId device = {});

}  // namespace mynah
