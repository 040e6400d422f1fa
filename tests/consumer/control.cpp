// A control loop: control POLICY STEPS [cuda]. Prints the last action; the "robot" goes where the action tells it.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "algorithms/policy.h"
#include "algorithms/resident_inference.h"
#include "kernels/error.h"

int main(int argc, char** argv) try {
  if (argc < 3) return 2;
  mynah::DeviceId device;
  if (argc > 3 && std::strcmp(argv[3], "cuda") == 0) device.backend = mynah::Backend::cuda;
  mynah::Policy policy = mynah::Policy::load(argv[1], device);
  std::vector<float> observation(static_cast<std::size_t>(policy.observation_size()), 0.5f);
  std::vector<float> action(static_cast<std::size_t>(policy.output_size()));
  mynah::ResidentInference resident(policy);
  resident.start();
  for (int step = std::atoi(argv[2]); step > 0; --step) {
    resident.act(observation, action);
    std::copy_n(action.begin(), std::min(action.size(), observation.size()), observation.begin());
  }
  for (const float value : action) std::printf("%.9g\n", value);
} catch (const mynah::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
