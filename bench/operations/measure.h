#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/memory.h"
#include "kernels/stream.h"
#include "kernels/view.h"
#include "tests/operations/shapes.h"

/// Times operations on every device. A benchmark's name is OPERATION/CASE/DEVICE/WHOSE, e.g.
/// "linear_forward/rows 32 inputs 17 outputs 256/cuda/mynah", so that a list in order has rivals side by side.
namespace mynah::bench {

/// Memory of a device: floats are random in [-1, 1), everything else is 0.
template <class T>
class DeviceArray {
 public:
  DeviceArray(Stream& stream, Index size);
  ~DeviceArray() { kernels::release(device_, memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  T* data() const { return memory_; }
  Index size() const { return size_; }
  VectorView<T> vector() const { return {memory_, size_}; }

 private:
  DeviceId device_;
  Index size_;
  T* memory_;
};

template <>
DeviceArray<float>::DeviceArray(Stream& stream, Index size);

/// A matrix in the layout of a test case.
class DeviceMatrix {
 public:
  DeviceMatrix(Stream& stream, Index rows, Index columns, tests::Layout layout = {})
      : rows_(rows),
        columns_(columns),
        layout_(layout),
        memory_(stream, rows * (columns + layout.padding) + layout.offset) {}
  Matrix view() const { return {memory_.data() + layout_.offset, rows_, columns_, columns_ + layout_.padding}; }
  /// Of a matrix of one row.
  Vector vector() const { return {memory_.data() + layout_.offset, columns_}; }

 private:
  Index rows_;
  Index columns_;
  tests::Layout layout_;
  DeviceArray<float> memory_;
};

/// What an operation has to move and to compute at least.
struct Work {
  double bytes = 0.0;
  double operations = 0.0;  ///< floating-point; 0 where memory alone counts
};

/// What a device can do, measured when it is first asked for: copying a large array (read + written bytes a second),
/// and the fastest large matrix product there is.
struct Roof {
  double bytes_per_second = 0.0;
  double operations_per_second = 0.0;
};
const Roof& roof_of(DeviceId device);

/// Seconds of one call, the least of some tries. On CUDA calls are recorded and replayed together, as a plan does, so
/// that it is the GPU's time and not that of launching.
double seconds_of(Stream& stream, const std::function<void()>& operation);

/// The body of a benchmark. Counters: GB/s, GFLOP/s where that counts, and percent of the roof (the time that the work
/// takes at the roof, of the time it took; above 100 where the data stay in a cache).
void measure(benchmark::State& state, Stream& stream, const Work& work, const std::function<void()>& operation);

/// Registers a benchmark for each device. body(state, stream) makes its memory and calls measure().
void register_on_devices(const std::string& operation, const std::string& shape,
                         const std::function<void(benchmark::State&, Stream&)>& body);

/// The same for somebody else's implementation, on CUDA devices.
void register_rival(const std::string& operation, const std::string& shape, const std::string& whose,
                    const std::function<void(benchmark::State&, Stream&)>& body);

}  // namespace mynah::bench
