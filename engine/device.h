#pragma once

#include <string>
#include <string_view>

#include "kernels/device.h"

namespace mynah {

/// The device a user asked for: "auto" (a CUDA device if there is one, else the CPU), "cpu", "cuda" or "cuda:N".
///
/// Errors: input_error for any other text, and for a CUDA device that is not there, with the reason.
DeviceId choose_device(std::string_view request);

/// "CPU (AVX-512)", "NVIDIA H100 80GB HBM3 (sm_90)".
std::string device_name(DeviceId device);

}  // namespace mynah
