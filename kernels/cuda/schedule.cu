#include "kernels/schedule.h"

#include "kernels/cuda/launch.h"
#include "kernels/schedule_functions.h"

namespace mynah::kernels::cuda {
namespace {

/// One number: a launch for its place in the stream, not for its work.
__global__ void schedule_kernel(EarlierWork earlier, Schedule schedule, const Index* step, const float* base_rate,
                                float* learning_rate) {
  earlier.wait();
  learning_rate[0] = static_cast<float>(static_cast<double>(base_rate[0]) * schedule_factor(schedule, step[0] - 1));
}

}  // namespace

void schedule_learning_rate(Stream& stream, const Schedule& schedule, const Index* step, const float* base_rate,
                            float* learning_rate) {
  launch(stream, "schedule_learning_rate", {}, schedule_kernel, schedule, step, base_rate, learning_rate);
}

}  // namespace mynah::kernels::cuda
