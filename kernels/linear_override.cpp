#include "kernels/linear_override.h"

namespace mynah::kernels {
namespace {

thread_local std::optional<cuda::LinearChoice> override_choice;

}  // namespace

LinearOverride::LinearOverride(const cuda::LinearChoice& choice) {
  override_choice = choice;
}

LinearOverride::~LinearOverride() {
  override_choice.reset();
}

std::optional<cuda::LinearChoice> overridden_linear() {
  return override_choice;
}

}  // namespace mynah::kernels
