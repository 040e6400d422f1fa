#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/safetensors.h"
#include "kernels/memory.h"
#include "kernels/view.h"

/// Values of networks between host and device, and their comparison with dumps.
namespace mynah::tests {

/// tests/pytorch/dumps/NAME.safetensors
inline SafetensorsFile load_dump(const std::string& name) {
  return load_safetensors(std::string(MYNAH_SOURCE_DIR) + "/tests/pytorch/dumps/" + name + ".safetensors");
}

/// Largest difference over largest expected magnitude; infinite where a value is not a number or sizes differ.
inline double relative_difference(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double worst = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double error = std::fabs(static_cast<double>(found[i]) - static_cast<double>(expected[i]));
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    scale = std::max(scale, std::fabs(static_cast<double>(expected[i])));
  }
  return worst == 0.0 ? 0.0 : worst / scale;
}

inline std::vector<float> download(Stream& stream, ConstMatrix matrix) {
  std::vector<float> values;
  std::vector<float> row(static_cast<std::size_t>(matrix.columns));
  for (Index m = 0; m < matrix.rows; ++m) {
    kernels::copy_to_host(stream, row.data(), matrix.row(m).data, row.size() * sizeof(float));
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

inline void upload(Stream& stream, const std::vector<float>& values, Matrix matrix) {
  for (Index m = 0; m < matrix.rows; ++m) {
    kernels::copy_to_device(stream, matrix.row(m).data, values.data() + m * matrix.columns,
                            static_cast<std::size_t>(matrix.columns) * sizeof(float));
  }
}

}  // namespace mynah::tests
