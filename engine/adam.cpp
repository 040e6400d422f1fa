#include "engine/adam.h"

#include "kernels/elementwise.h"

namespace mynah {

Adam::Adam(Stream& stream, const Parameters& parameters, const Options& options)
    : parameters_(&parameters),
      constants_(options.constants),
      learning_rate_(stream.device(), 1),
      steps_(stream.device(), 1),
      first_moment_(stream.device(), parameters.trained().size),
      second_moment_(stream.device(), parameters.trained().size) {
  set_learning_rate(stream, options.learning_rate);
  kernels::set_counters(stream, steps_.view(), 0);
  kernels::fill(stream, first_moment_.view(), 0.0f);
  kernels::fill(stream, second_moment_.view(), 0.0f);
}

void Adam::step(Stream& stream) const {
  kernels::advance(stream, steps_.data(), 1);
  kernels::adam_step(stream, constants_, learning_rate_.data(), steps_.data(), parameters_->trained(),
                     parameters_->gradient(), first_moment_.view(), second_moment_.view());
}

void Adam::set_learning_rate(Stream& stream, double learning_rate) {
  learning_rate_.upload(stream, static_cast<float>(learning_rate));
}

void Adam::save(Stream& stream, SafetensorsFile& file, const std::string& prefix) const {
  file.add_int64(prefix + "step", {1}, steps_.download(stream));
  file.add_floats(prefix + "first_moment", {first_moment_.size()}, first_moment_.download(stream));
  file.add_floats(prefix + "second_moment", {second_moment_.size()}, second_moment_.download(stream));
}

void Adam::load(Stream& stream, const SafetensorsFile& file, const std::string& prefix) {
  (void)file.at(prefix + "step", {1});
  (void)file.at(prefix + "first_moment", {first_moment_.size()});
  (void)file.at(prefix + "second_moment", {second_moment_.size()});
  steps_.upload(stream, file.int64s(prefix + "step")[0]);
  first_moment_.upload(stream, file.floats(prefix + "first_moment"));
  second_moment_.upload(stream, file.floats(prefix + "second_moment"));
}

}  // namespace mynah
