#include "kernels/recording.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/elementwise.h"
#include "kernels/gather.h"
#include "kernels/memory.h"
#include "kernels/reduction.h"
#include "tests/every_device.h"
#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using kernels::Recording;

/// Device memory with given contents, for the length of a test.
template <class T>
class DeviceValues {
 public:
  DeviceValues(Stream& stream, std::vector<T> values)
      : stream_(stream),
        size_(static_cast<Index>(values.size())),
        memory_(static_cast<T*>(kernels::allocate(stream.device(), values.size() * sizeof(T)))) {
    kernels::copy_to_device(stream, memory_, values.data(), values.size() * sizeof(T));
  }
  ~DeviceValues() {
    stream_.synchronize();
    kernels::release(stream_.device(), memory_);
  }
  DeviceValues(const DeviceValues&) = delete;
  DeviceValues& operator=(const DeviceValues&) = delete;
  T* data() const { return memory_; }
  VectorView<T> view() const { return {memory_, size_}; }
  std::vector<T> values() const {
    std::vector<T> result(static_cast<std::size_t>(size_));
    kernels::copy_to_host(stream_, result.data(), memory_, result.size() * sizeof(T));
    return result;
  }

 private:
  Stream& stream_;
  Index size_;
  T* memory_;
};

class OnCuda : public CudaParity {
 protected:
  static Stream cuda_stream() { return Stream(list_devices().at(1).id); }
};

TEST_F(OnCuda, replays_with_counters_in_device_memory) {
  Stream stream = cuda_stream();
  DeviceValues<float> source(stream, {0.0f, 10.0f, 20.0f, 30.0f, 40.0f, 50.0f});
  DeviceValues<std::int32_t> rows(stream, {5, 4, 3, 2, 1, 0});
  DeviceValues<float> out(stream, {-1.0f, -1.0f});
  DeviceValues<Index> position(stream, {0});
  Recording recording;
  recording.begin(stream);
  kernels::gather_rows(stream, ConstMatrix{source.data(), 6, 1}, rows.view(), position.data(),
                       Matrix{out.data(), 2, 1});
  kernels::advance(stream, position.data(), 2);
  recording.end(stream);
  EXPECT_EQ(recording.launches(), 2);
  EXPECT_EQ(out.values(), (std::vector<float>{-1.0f, -1.0f})) << "recording must not run anything";
  EXPECT_EQ(position.values(), std::vector<Index>{0});

  recording.replay(stream);
  EXPECT_EQ(out.values(), (std::vector<float>{50.0f, 40.0f}));
  recording.replay(stream);
  EXPECT_EQ(out.values(), (std::vector<float>{30.0f, 20.0f}));
  EXPECT_EQ(position.values(), std::vector<Index>{4});
  kernels::set_counters(stream, position.view(), 0);
  recording.replay(stream);
  EXPECT_EQ(out.values(), (std::vector<float>{50.0f, 40.0f}));
}

TEST_F(OnCuda, replay_allocates_nothing) {
  Stream stream = cuda_stream();
  DeviceValues<float> x(stream, std::vector<float>(100000, 1.0f));
  DeviceValues<double> total(stream, {0.0});
  kernels::sum(stream, x.view(), total.view());  // once before: scratch memory grows here
  Recording recording;
  recording.begin(stream);
  kernels::sum(stream, x.view(), total.view());
  recording.end(stream);
  const std::int64_t before = kernels::allocation_count();
  for (int i = 0; i < 3; ++i) {
    kernels::fill(stream, x.view(), static_cast<float>(i + 2));
    recording.replay(stream);
    EXPECT_EQ(total.values(), std::vector<double>{100000.0 * (i + 2)});
  }
  EXPECT_EQ(kernels::allocation_count(), before);
}

TEST_F(OnCuda, an_abandoned_recording_leaves_the_stream_usable) {
  Stream stream = cuda_stream();
  DeviceValues<float> x(stream, {1.0f, 2.0f});
  Recording recording;
  recording.begin(stream);
  kernels::fill(stream, x.view(), 7.0f);
  recording.abandon(stream);
  EXPECT_FALSE(recording.ready());
  EXPECT_EQ(x.values(), (std::vector<float>{1.0f, 2.0f}));
  kernels::fill(stream, x.view(), 8.0f);
  EXPECT_EQ(x.values(), (std::vector<float>{8.0f, 8.0f}));
}

TEST_F(OnCuda, moves_and_is_replaced) {
  Stream stream = cuda_stream();
  DeviceValues<Index> counter(stream, {0});
  Recording recording;
  for (const Index amount : {1, 10}) {
    recording.begin(stream);
    kernels::advance(stream, counter.data(), amount);
    recording.end(stream);
  }
  const Recording moved = std::move(recording);
  EXPECT_TRUE(moved.ready());
  moved.replay(stream);
  EXPECT_EQ(counter.values(), std::vector<Index>{10});
}

class Memory : public EveryDevice {};

TEST_P(Memory, copies_there_and_back) {
  Stream stream(device_);
  std::vector<float> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  DeviceValues<float> a(stream, values);
  DeviceValues<float> b(stream, std::vector<float>(1000, 0.0f));
  kernels::copy_on_device(stream, b.data(), a.data(), 1000 * sizeof(float));
  EXPECT_EQ(b.values(), values);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % 256, 0u);
}

MYNAH_ON_EVERY_DEVICE(Memory);

void expect_refused(DeviceId device) {
  const std::size_t bytes = std::size_t{1} << 60;
  try {
    kernels::release(device, kernels::allocate(device, bytes));
    FAIL() << "2^60 bytes were allocated";
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::device);
    EXPECT_NE(std::string(error.what()).find(std::to_string(bytes)), std::string::npos) << error.what();
  }
}

TEST_F(OnCuda, too_large_an_allocation_is_an_error_with_its_size) {
  expect_refused(list_devices().at(1).id);
}

#if !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer ends the process instead
TEST(CpuMemory, too_large_an_allocation_is_an_error_with_its_size) {
  expect_refused({Backend::cpu, 0});
}
#endif

TEST(Devices, the_cpu_is_first_and_a_missing_gpu_has_a_reason) {
  const auto devices = list_devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(devices[0].id, (DeviceId{Backend::cpu, 0}));
  EXPECT_EQ(devices.size() > 1, cuda_unavailable_reason().empty());
}

TEST(Devices, one_that_is_not_there_is_refused) {
  EXPECT_THROW(Stream({Backend::cuda, 1000}), Error);
}

}  // namespace
}  // namespace mynah::tests
