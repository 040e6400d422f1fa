#include <cstdio>
#include <vector>

#include "algorithms/policy.h"
#include "kernels/error.h"

int main(int argc, char** argv) try {
  mynah::Policy policy = mynah::Policy::load(argc > 1 ? argv[1] : "policy.safetensors");
  std::vector<float> observation(static_cast<std::size_t>(policy.observation_size()), 0.5f);
  std::vector<float> action(static_cast<std::size_t>(policy.output_size()));
  policy.act(observation, action);  // on the CPU without allocation, lock or system call
  for (const float value : action) std::printf("%.9g\n", value);
} catch (const mynah::Error& error) {  // what failed, where, and what to do
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
