#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kernels/stream.h"
#include "kernels/view.h"
#include "tests/operations/shapes.h"

/// Runs an operation on the CPU (Eigen) and on the first CUDA device (a GPU, or the CPU itself in the CUDA-on-CPU
/// build) and compares what it did to memory.
namespace mynah::tests {

/// A matrix of a Parity, wherever it lies at the moment: see Place.
template <class T>
struct Tensor {
  std::size_t number = 0;
  Index rows = 0;
  Index columns = 0;
  Index stride = 0;
  Index begin = 0;
};

/// One device, during one run of an operation.
struct Place {
  Stream& stream;
  std::vector<void*> memory;  ///< by Tensor::number

  template <class T>
  T* pointer(const Tensor<T>& tensor) const {
    return static_cast<T*>(memory[tensor.number]) + tensor.begin;
  }
  template <class T>
  MatrixView<T> matrix(const Tensor<T>& tensor) const {
    return {pointer(tensor), tensor.rows, tensor.columns, tensor.stride};
  }
  /// Of a tensor of one row.
  template <class T>
  VectorView<T> vector(const Tensor<T>& tensor) const {
    return {pointer(tensor), tensor.columns};
  }
};

/// An implementation of an operation, or of most of it, by another library, on CUDA devices.
struct Rival {
  std::string library;
  /// Makes the call for the memory of a place, as tests/operations/rivals/rivals.h says; empty: nothing to time.
  std::function<std::function<void()>(const Place&)> prepare;
  /// What the call has to do to the memory, done on the CPU.
  std::function<void(const Place&)> expected;
};

/// The memory of one operation, and what is expected of it. Each tensor lies in memory of its own, with a guard zone
/// before, behind and between its rows. The zones are NaN (of a kind that nothing else writes): an operation that reads
/// them gets a wrong result, one that writes them is caught.
class Parity {
 public:
  explicit Parity(std::uint32_t seed = 1) : generator_(seed) {}
  virtual ~Parity() = default;
  Parity(const Parity&) = delete;
  Parity& operator=(const Parity&) = delete;

  /// Standard normal numbers, which the operation must leave alone.
  Tensor<float> input(Index rows, Index columns, Layout layout = {});
  /// The same, but the operation may change them: it adds to them, or works in place.
  Tensor<float> changed(Index rows, Index columns, Layout layout = {});
  /// What the operation overwrites: NaN before. `T` float, double or an integer (for which any value will do).
  template <class T = float>
  Tensor<T> output(Index rows, Index columns, Layout layout = {}) {
    std::vector<T> values(static_cast<std::size_t>(rows * columns),
                          std::is_floating_point_v<T> ? std::numeric_limits<T>::quiet_NaN() : T{-77});
    return given<T>(values, rows, columns, layout, true);
  }
  /// Given values, row by row.
  template <class T>
  Tensor<T> given(const std::vector<T>& values, Index rows, Index columns, Layout layout = {}, bool may_change = false);
  /// Whole numbers in [0, below).
  Tensor<std::int32_t> labels(Index size, std::int32_t below, Index offset = 0);

  /// Runs the operation on the CPU, on CUDA under every thread schedule, and once more under the first, and expects:
  /// the same result as on the CPU (normalised mean squared error below 1e-10; integers and what is not finite: equal),
  /// the same bits in every run on CUDA, inputs and guard zones untouched everywhere.
  virtual void expect_same(const std::function<void(const Place&)>& operation);

  /// Floating-point operations of a run, where they count rather than the bytes moved; for timing.
  void flops(double count) { flops_ = count; }
  /// Bytes that a run moves, where they are not those of all tensors, each once; for timing.
  void bytes(double count) { bytes_ = count; }
  /// Someone else's implementation, that `speed` times beside the operation.
  void rival(Rival rival) { rivals_.push_back(std::move(rival)); }
  /// A wider limit of the normalised mean squared error than 1e-10, and why.
  void allow(double limit, const char* reason) {
    limit_ = limit;
    reason_ = reason;
  }

 protected:
  /// Memory of the tensors on one device, as they are before the operation.
  class DeviceCopy;
  using Memory = std::vector<std::vector<std::byte>>;  ///< Of every tensor.
  double flops() const { return flops_; }
  double bytes() const;
  const std::vector<Rival>& rivals() const { return rivals_; }
  /// The memory of every tensor as an operation left it.
  Memory run(DeviceId device, const std::function<void(const Place&)>& operation) const;
  Memory download(const DeviceCopy& copy) const;
  /// The largest normalised mean squared error of a tensor that may change; infinite where values that are whole
  /// numbers or not finite are not the same.
  double difference(const Memory& expected, const Memory& found) const;

 private:
  enum class Kind { float32, float64, integer };
  struct Image {
    std::vector<std::byte> bytes;  // as it is before the operation
    Kind kind = Kind::integer;
    std::size_t element_bytes = 0;
    Index rows = 0;
    Index columns = 0;
    Index stride = 0;
    Index begin = 0;
    bool may_change = false;
  };
  /// Of one tensor.
  struct Difference;

  template <class T>
  static constexpr Kind kind_of() {
    if constexpr (std::is_same_v<T, float>) return Kind::float32;
    if constexpr (std::is_same_v<T, double>) return Kind::float64;
    return Kind::integer;
  }
  std::size_t add_image(Kind kind, std::size_t element_bytes, Index rows, Index columns, Layout layout,
                        bool may_change);
  std::vector<float> normal_values(Index count);
  Difference difference(std::size_t number, const Memory& expected, const Memory& found) const;
  void expect_untouched(const Memory& after, const std::string& where) const;
  void expect_close(const Memory& expected, const Memory& found, const std::string& where) const;

  std::mt19937 generator_;
  std::vector<Image> images_;
  std::vector<Rival> rivals_;
  double flops_ = 0.0;
  std::optional<double> bytes_;
  double limit_ = 1e-10;
  const char* reason_ = "";
};

/// The memory of a Parity on one device.
class Parity::DeviceCopy {
 public:
  DeviceCopy(Stream& stream, const Parity& parity);
  ~DeviceCopy();
  DeviceCopy(const DeviceCopy&) = delete;
  DeviceCopy& operator=(const DeviceCopy&) = delete;
  const Place& place() const { return place_; }

 private:
  Place place_;
};

/// Skips where there is no CUDA device; in the CUDA-on-CPU build there must be one.
class CudaParity : public testing::Test {
 protected:
  void SetUp() override;
};

template <class T>
Tensor<T> Parity::given(const std::vector<T>& values, Index rows, Index columns, Layout layout, bool may_change) {
  const std::size_t number = add_image(kind_of<T>(), sizeof(T), rows, columns, layout, may_change);
  Image& image = images_[number];
  for (Index row = 0; row < rows; ++row) {
    if (columns == 0) break;
    std::memcpy(image.bytes.data() + static_cast<std::size_t>(image.begin + row * image.stride) * sizeof(T),
                values.data() + row * columns, static_cast<std::size_t>(columns) * sizeof(T));
  }
  return {number, rows, columns, image.stride, image.begin};
}

}  // namespace mynah::tests
