#pragma once

#include <vector>

#include "kernels/episode.h"
#include "kernels/memory.h"

namespace mynah {

/// The memory of a batch that lies on a CUDA device, on the host, for tasks that only the host can step.
class HostBatch {
 public:
  HostBatch(Stream& stream, const kernels::EpisodeBatch& device) : stream_(&stream), device_(device) {
    host_.states = place(device.states, states_);
    host_.observations = place(device.observations, observations_);
    host_.rewards = place(device.rewards, rewards_);
    host_.returns = place(device.returns, returns_);
    host_.elapsed = place(device.elapsed, elapsed_);
    host_.status = place(device.status, status_);
  }

  const kernels::EpisodeBatch& batch() const { return host_; }

  /// Copies what a step begins with, and returns the actions' copy. Waits for the stream.
  ConstMatrix fetch(ConstMatrix actions) {
    fetch(MatrixView<const double>(device_.states), host_.states.data);
    fetch(rows_of<const double>(device_.returns), host_.returns.data);
    fetch(rows_of<const std::int32_t>(device_.elapsed), host_.elapsed.data);
    fetch(rows_of<const std::int32_t>(device_.status), host_.status.data);
    const Matrix copy = place(Matrix{nullptr, actions.rows, actions.columns}, actions_);
    fetch(actions, copy.data);
    return copy;
  }

  /// Copies everything to the device.
  void give_back() {
    give_back(host_.states.data, device_.states);
    give_back(host_.observations.data, device_.observations);
    give_back(host_.rewards.data, rows_of<float>(device_.rewards));
    give_back(host_.returns.data, rows_of<double>(device_.returns));
    give_back(host_.elapsed.data, rows_of<std::int32_t>(device_.elapsed));
    give_back(host_.status.data, rows_of<std::int32_t>(device_.status));
  }

 private:
  template <class T>
  static MatrixView<T> place(MatrixView<T> shape, std::vector<T>& memory) {
    memory.resize(static_cast<std::size_t>(shape.rows * shape.columns));
    return {memory.data(), shape.rows, shape.columns};
  }
  template <class T>
  static VectorView<T> place(VectorView<T> shape, std::vector<T>& memory) {
    memory.resize(static_cast<std::size_t>(shape.size));
    return {memory.data(), shape.size};
  }
  /// A vector as a matrix of one row.
  template <class T>
  static MatrixView<T> rows_of(VectorView<std::remove_const_t<T>> values) {
    return {values.data, 1, values.size};
  }

  /// copy(position on the host, first value on the device, values) for every run of values without a gap.
  template <class T, class Copy>
  static void for_each_run(MatrixView<T> device, const Copy& copy) {
    const bool whole = device.stride == device.columns;
    const Index runs = whole ? 1 : device.rows;
    const Index size = whole ? device.rows * device.columns : device.columns;
    for (Index run = 0; run < runs; ++run) copy(run * size, device.data + run * device.stride, size * sizeof(T));
  }
  template <class T>
  void fetch(MatrixView<const T> device, T* host) {
    for_each_run(device, [&](Index position, const T* first, std::size_t bytes) {
      kernels::copy_to_host(*stream_, host + position, first, bytes);
    });
  }
  template <class T>
  void give_back(const T* host, MatrixView<T> device) {
    for_each_run(device, [&](Index position, T* first, std::size_t bytes) {
      kernels::copy_to_device(*stream_, first, host + position, bytes);
    });
  }

  Stream* stream_;
  kernels::EpisodeBatch device_, host_;
  std::vector<double> states_, returns_;
  std::vector<float> observations_, rewards_, actions_;
  std::vector<std::int32_t> elapsed_, status_;
};

}  // namespace mynah
