#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace mynah::bench {

/// The same work done by NVIDIA's libraries, where this build found them; on a CUDA stream. The linear rivals add no
/// bias, apply no activation and sum no bias gradient: they do a little less than ours.
struct Rival {
  std::string name;
  std::function<void()> run;
};

/// Names of the libraries in this build: "cublas" or nothing, "cudnn" or nothing.
std::vector<std::string> linear_rival_names();
std::vector<std::string> elementwise_rival_names();

std::vector<Rival> linear_forward_rivals(Stream& stream, ConstMatrix x, ConstMatrix w, Matrix y);
std::vector<Rival> linear_backward_rivals(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx,
                                          Matrix dw);

std::vector<Rival> relu_forward_rivals(Stream& stream, ConstMatrix x, Matrix y);
std::vector<Rival> relu_backward_rivals(Stream& stream, ConstMatrix y, ConstMatrix dy, Matrix dx);
/// Softmax alone, without the loss and its gradient.
std::vector<Rival> softmax_rivals(Stream& stream, ConstMatrix logits, Matrix probabilities);

}  // namespace mynah::bench
