#include "tests/operations/parity.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "kernels/memory.h"
#include "tests/cuda_schedule.h"

namespace mynah::tests {
namespace {

constexpr Index guard = 64;  // elements; a multiple of 256 bytes for every type, so that offset 0 means aligned

/// A NaN as float and as double; far outside of any range as an integer.
constexpr std::uint32_t guard_word = 0x7ff0dead;

template <class T>
T element(const std::vector<std::byte>& bytes, Index position) {
  T value;
  std::memcpy(&value, bytes.data() + static_cast<std::size_t>(position) * sizeof(T), sizeof(T));
  return value;
}

DeviceId first_cuda_device() {
  for (const auto& device : list_devices()) {
    if (device.id.backend == Backend::cuda) return device.id;
  }
  ADD_FAILURE() << "no CUDA device";
  return {};
}

}  // namespace

/// Of the finite elements; what is not finite must be equal, and so must whole numbers.
struct Parity::Difference {
  double squares = 0.0;
  double difference_squares = 0.0;
  Index unlike = 0;  ///< elements that must be equal and are not

  void add(double expected, double found) {
    if (!std::isfinite(expected) || !std::isfinite(found)) {
      const bool same = (std::isnan(expected) && std::isnan(found)) || expected == found;
      unlike += same ? 0 : 1;
      return;
    }
    squares += expected * expected;
    difference_squares += (expected - found) * (expected - found);
  }
  double normalized() const {
    if (difference_squares == 0.0) return 0.0;
    return squares == 0.0 ? std::numeric_limits<double>::infinity() : difference_squares / squares;
  }
};

void CudaParity::SetUp() {
  if (list_devices().size() > 1) return;
  ASSERT_FALSE(has_cuda_schedules()) << "the emulated device is missing: " << cuda_unavailable_reason();
  GTEST_SKIP() << "no CUDA device (" << cuda_unavailable_reason() << "): skipped";
}

std::vector<float> Parity::normal_values(Index count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(generator_);
  return values;
}

Tensor<float> Parity::input(Index rows, Index columns, Layout layout) {
  return given(normal_values(rows * columns), rows, columns, layout);
}

Tensor<float> Parity::changed(Index rows, Index columns, Layout layout) {
  return given(normal_values(rows * columns), rows, columns, layout, true);
}

Tensor<std::int32_t> Parity::labels(Index size, std::int32_t below, Index offset) {
  std::vector<std::int32_t> values(static_cast<std::size_t>(size));
  for (auto& value : values) value = static_cast<std::int32_t>(generator_() % static_cast<std::uint32_t>(below));
  return given(values, 1, size, {0, offset});
}

std::size_t Parity::add_image(Kind kind, std::size_t element_bytes, Index rows, Index columns, Layout layout,
                              bool may_change) {
  Image image;
  image.kind = kind;
  image.element_bytes = element_bytes;
  image.rows = rows;
  image.columns = columns;
  image.stride = columns + layout.padding;
  image.begin = guard + layout.offset;
  image.may_change = may_change;
  image.bytes.resize(static_cast<std::size_t>(image.begin + rows * image.stride + guard) * element_bytes);
  for (std::size_t i = 0; i < image.bytes.size(); i += sizeof guard_word) {
    std::memcpy(image.bytes.data() + i, &guard_word, sizeof guard_word);
  }
  images_.push_back(std::move(image));
  return images_.size() - 1;
}

Parity::DeviceCopy::DeviceCopy(Stream& stream, const Parity& parity) : place_{stream, {}} {
  for (const Image& image : parity.images_) {
    place_.memory.push_back(kernels::allocate(stream.device(), image.bytes.size()));
    kernels::copy_to_device(stream, place_.memory.back(), image.bytes.data(), image.bytes.size());
  }
}

Parity::DeviceCopy::~DeviceCopy() {
  for (void* memory : place_.memory) kernels::release(place_.stream.device(), memory);
}

double Parity::bytes() const {
  if (bytes_) return *bytes_;
  double total = 0.0;
  for (const Image& image : images_)
    total += static_cast<double>(image.rows * image.columns) * static_cast<double>(image.element_bytes);
  return total;
}

Parity::Memory Parity::download(const DeviceCopy& copy) const {
  const Place& place = copy.place();
  place.stream.synchronize();
  Memory memory;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    memory.emplace_back(images_[i].bytes.size());
    kernels::copy_to_host(place.stream, memory.back().data(), place.memory[i], memory.back().size());
  }
  return memory;
}

Parity::Memory Parity::run(DeviceId device, const std::function<void(const Place&)>& operation) const {
  Stream stream(device);
  const DeviceCopy copy(stream, *this);
  operation(copy.place());
  return download(copy);
}

void Parity::expect_untouched(const Memory& after, const std::string& where) const {
  for (std::size_t number = 0; number < images_.size(); ++number) {
    const Image& image = images_[number];
    if (after[number] == image.bytes) continue;
    EXPECT_TRUE(image.may_change) << "tensor " << number << ", an input, was written " << where;
    const auto elements = static_cast<Index>(image.bytes.size() / image.element_bytes);
    for (Index i = 0; i < elements; ++i) {
      const Index place = i - image.begin;
      if (place >= 0 && place < image.rows * image.stride && place % image.stride < image.columns) continue;
      const std::size_t at = static_cast<std::size_t>(i) * image.element_bytes;
      if (std::memcmp(&after[number][at], &image.bytes[at], image.element_bytes) == 0) continue;
      ADD_FAILURE() << "tensor " << number << " [" << image.rows << ", " << image.columns << "] stride " << image.stride
                    << ": the guard zone was written " << where << ", " << place << " elements from its beginning";
      break;
    }
  }
}

Parity::Difference Parity::difference(std::size_t number, const Memory& expected, const Memory& found) const {
  const Image& image = images_[number];
  Difference result;
  if (image.kind == Kind::integer) {
    result.unlike = expected[number] == found[number] ? 0 : 1;
    return result;
  }
  for (Index row = 0; row < image.rows; ++row) {
    for (Index column = 0; column < image.columns; ++column) {
      const Index i = image.begin + row * image.stride + column;
      if (image.kind == Kind::float32) {
        result.add(element<float>(expected[number], i), element<float>(found[number], i));
      } else {
        result.add(element<double>(expected[number], i), element<double>(found[number], i));
      }
    }
  }
  return result;
}

double Parity::difference(const Memory& expected, const Memory& found) const {
  double largest = 0.0;
  for (std::size_t number = 0; number < images_.size(); ++number) {
    if (!images_[number].may_change) continue;
    const Difference one = difference(number, expected, found);
    largest = std::max(largest, one.unlike > 0 ? std::numeric_limits<double>::infinity() : one.normalized());
  }
  return largest;
}

void Parity::expect_close(const Memory& expected, const Memory& found, const std::string& where) const {
  for (std::size_t number = 0; number < images_.size(); ++number) {
    if (!images_[number].may_change) continue;
    const Difference one = difference(number, expected, found);
    EXPECT_EQ(one.unlike, 0) << "tensor " << number << ": whole numbers or values that are not finite differ " << where;
    EXPECT_LT(one.normalized(), limit_) << "tensor " << number << ": normalised mean squared error " << where
                                        << reason_;
  }
}

void Parity::expect_same(const std::function<void(const Place&)>& operation) {
  const DeviceId cuda = first_cuda_device();
  const Memory expected = run({Backend::cpu, 0}, operation);
  expect_untouched(expected, "on the CPU");
  Memory first;
  for (const std::string& schedule : cuda_schedules()) {
    const CudaScheduleScope scope(schedule);
    const std::string where = "on CUDA, schedule " + schedule;
    const Memory found = run(cuda, operation);
    expect_untouched(found, where);
    if (first.empty()) {
      first = found;
      expect_close(expected, found, where);
      EXPECT_TRUE(run(cuda, operation) == first) << "a second run gave other bits " << where;
    } else {
      EXPECT_TRUE(found == first) << "other bits than under the first schedule " << where;
    }
  }
}

}  // namespace mynah::tests
