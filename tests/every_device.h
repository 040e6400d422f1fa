#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kernels/device.h"

namespace mynah::tests {

/// A fixture whose tests run once on the CPU and once on the first CUDA device, where there is one: a GPU, or the CPU
/// itself in the CUDA-on-CPU build.
class EveryDevice : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    for (const auto& device : list_devices()) {
      if (device.id.backend == GetParam()) {
        device_ = device.id;
        return;
      }
    }
    GTEST_SKIP() << "no CUDA device here (" << cuda_unavailable_reason() << "): skipped";
  }

  DeviceId device_;
};

inline std::string backend_name(const testing::TestParamInfo<Backend>& info) {
  return info.param == Backend::cpu ? "cpu" : "cuda";
}

}  // namespace mynah::tests

/// Makes the tests of a fixture derived from EveryDevice run on every device.
#define MYNAH_ON_EVERY_DEVICE(fixture)                                                                   \
  INSTANTIATE_TEST_SUITE_P(Devices, fixture, testing::Values(mynah::Backend::cpu, mynah::Backend::cuda), \
                           mynah::tests::backend_name)
