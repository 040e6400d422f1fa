#include "kernels/policy_actions.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

constexpr const char* known_components = "1 to 32 components";

}  // namespace

void mixture_mode(Stream& stream, ConstMatrix parameters, Index components, Matrix actions) {
  require(components >= 1 && components <= most_mixture_components, "mixture_mode", known_components);
  require(parameters.rows == actions.rows &&
              parameters.columns >= mixture_columns(components, actions.columns) - components * actions.columns,
          "mixture_mode", "a row of logits and means for each action");
  if (actions.empty()) return;
  if (is_only_counted(stream, parameters, actions)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(mixture_mode, stream, parameters, components, actions);
  }
  eigen::mixture_mode(stream, parameters, components, actions);
}

void mixture_sample(Stream& stream, const EpisodeNumbers& numbers, ConstMatrix parameters,
                    const MixtureOptions<float>& options, Matrix actions) {
  require(options.components >= 1 && options.components <= most_mixture_components, "mixture_sample", known_components);
  require(parameters.rows == actions.rows && numbers.elapsed.size == actions.rows &&
              parameters.columns == mixture_columns(options.components, actions.columns),
          "mixture_sample", "parameters of mixture_columns(components, action columns) columns; as many rows of each");
  require(options.log_scale.empty() || options.log_scale.size == actions.columns, "mixture_sample",
          "log_scale of one value an action column, or none");
  if (actions.empty()) return;
  if (is_only_counted(stream, parameters, numbers.elapsed, options.log_scale, actions)) return;
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(mixture_sample, stream, numbers, parameters, options, actions);
  }
  eigen::mixture_sample(stream, numbers, parameters, options, actions);
}

void class_sample(Stream& stream, const EpisodeNumbers& numbers, ConstMatrix logits, Labels actions) {
  require(logits.rows == actions.size && numbers.elapsed.size == actions.size, "class_sample",
          "logits [rows, classes], elapsed and actions [rows]");
  require(logits.columns >= 1, "class_sample", "at least one class");
  if (actions.empty()) return;
  if (is_only_counted(stream, logits, numbers.elapsed, actions)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(class_sample, stream, numbers, logits, actions);
  eigen::class_sample(stream, numbers, logits, actions);
}

}  // namespace mynah::kernels
