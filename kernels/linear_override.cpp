#include "kernels/cuda/linear_override.h"

namespace mynah::kernels::cuda {
namespace {

thread_local std::optional<LinearChoice> override_choice;

}  // namespace

LinearOverride::LinearOverride(const LinearChoice& choice) {
  override_choice = choice;
}

LinearOverride::~LinearOverride() {
  override_choice.reset();
}

std::optional<LinearChoice> overridden_linear() {
  return override_choice;
}

}  // namespace mynah::kernels::cuda
