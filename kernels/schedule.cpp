#include "kernels/schedule.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

void schedule_learning_rate(Stream& stream, const Schedule& schedule, const Index* step, const float* base_rate,
                            float* learning_rate) {
  require(step != nullptr && base_rate != nullptr && learning_rate != nullptr, "schedule_learning_rate",
          "step, base_rate and learning_rate in device memory");
  require(schedule.warmup_steps >= 0 && schedule.steps >= 0 && schedule.final_factor >= 0.0, "schedule_learning_rate",
          "no negative number of steps and no negative factor");
  if (is_only_counted(stream, step, base_rate, learning_rate)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(schedule_learning_rate, stream, schedule, step, base_rate, learning_rate);
  }
  eigen::schedule_learning_rate(stream, schedule, step, base_rate, learning_rate);
}

}  // namespace mynah::kernels
