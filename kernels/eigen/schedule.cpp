#include "kernels/schedule.h"

#include "kernels/schedule_functions.h"

namespace mynah::kernels::eigen {

void schedule_learning_rate(Stream&, const Schedule& schedule, const Index* step, const float* base_rate,
                            float* learning_rate) {
  learning_rate[0] = static_cast<float>(static_cast<double>(base_rate[0]) * schedule_factor(schedule, step[0] - 1));
}

}  // namespace mynah::kernels::eigen
