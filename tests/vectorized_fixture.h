#pragma once

#include <gtest/gtest.h>

#include "kernels/eigen/vectorized/operations.h"
#include "kernels/eigen/vectorized/views.h"
#include "kernels/stream.h"
#include "tests/guarded.h"

/// For the tests of the CPU's vectorised float operations: each runs with every instruction set this processor has,
/// over ragged shapes.
namespace mynah::tests {

namespace vectorized = kernels::eigen::vectorized;
using vectorized::Operations;
using vectorized::Rows;
using vectorized::rows_of;

using Floats = GuardedMatrix<float>;
using Doubles = GuardedMatrix<double>;

struct VectorizedShape {
  Index rows, inputs, outputs, padding;
};

inline std::ostream& operator<<(std::ostream& out, const VectorizedShape& shape) {
  return out << shape.rows << "x" << shape.inputs << "x" << shape.outputs << "+" << shape.padding;
}

inline const VectorizedShape vectorized_shapes[] = {
    {1, 18, 37, 0},    {1, 24, 64, 0},   {1, 27, 256, 0},    {1, 31, 16, 0},   {1, 1, 1, 0},      {1, 17, 256, 0},
    {1, 256, 6, 0},    {1, 3, 15, 1},    {1, 16, 16, 0},     {1, 33, 17, 2},   {1, 300, 129, 0},  {1, 0, 5, 0},
    {2, 17, 256, 0},   {3, 5, 7, 1},     {4, 64, 64, 0},     {5, 0, 4, 2},     {6, 1, 40, 0},     {7, 31, 8, 3},
    {8, 8, 8, 0},      {9, 15, 16, 0},   {14, 32, 32, 0},    {15, 33, 31, 1},  {16, 16, 16, 0},   {17, 17, 17, 5},
    {31, 2, 33, 0},    {32, 17, 256, 0}, {32, 256, 6, 0},    {33, 17, 256, 7}, {33, 256, 6, 1},   {40, 48, 1, 0},
    {64, 4, 2, 0},     {65, 11, 3, 0},   {100, 100, 100, 0}, {128, 18, 70, 1}, {13, 512, 24, 0},  {29, 257, 19, 0},
    {30, 530, 520, 0}, {57, 600, 34, 4}, {256, 11, 256, 0},  {256, 256, 3, 0}, {256, 64, 256, 0}, {113, 127, 1030, 0},
    {300, 20, 300, 1}, {513, 19, 65, 0}, {600, 35, 18, 0},   {16, 1024, 8, 0}, {8, 1025, 1, 3},   {34, 1, 1, 0},
    {70, 258, 516, 2}, {50, 512, 44, 0}, {37, 300, 500, 0},
};

inline std::vector<const Operations*> runnable_operations() {
  std::vector<const Operations*> all{&vectorized::generic_operations};
#if defined(__x86_64__)
  all.push_back(&vectorized::avx2_operations);
  all.push_back(&vectorized::avx512_operations);
#endif
  std::erase_if(all, [](const Operations* one) { return !vectorized::processor_runs(*one); });
  return all;
}

class Vectorized : public ::testing::TestWithParam<const Operations*> {
 protected:
  static constexpr double tolerance = 1e-10;  // of the normalised mean squared error

  const Operations& operations() const { return *GetParam(); }
  VectorizedShape shape() const { return shape_; }

  template <class Check>
  void for_every_shape(const Check& check) {
    for (const VectorizedShape& one : vectorized_shapes) {
      shape_ = one;
      SCOPED_TRACE(::testing::Message() << "shape " << one);
      check();
      if (HasFatalFailure()) return;
    }
  }

  /// Poisoned, guarded, its rows padded, and begun away from any alignment but that of a float.
  Floats matrix(Index rows, Index columns) {
    offset_ = (offset_ + 5) % 16;
    return Floats(rows, columns, shape().padding, offset_);
  }
  Floats row(Index columns) {
    offset_ = (offset_ + 3) % 16;
    return Floats(1, columns, 0, offset_);
  }
  Floats random(Index rows, Index columns) { return matrix(rows, columns).randomize(generator_); }
  static Doubles exact(const Floats& values) { return Doubles(values.rows(), values.columns()).assign(values); }

  float* scratch(std::int64_t floats) {
    // Guarded as well: nothing may be written behind what was asked for.
    scratch_.assign(static_cast<std::size_t>(floats) + 64, 777.0f);
    auto* begin = scratch_.data();
    while (reinterpret_cast<std::uintptr_t>(begin) % 64 != 0) ++begin;
    scratch_end_ = begin + floats;
    return begin;
  }
  bool scratch_guard_intact() const {
    for (const float* p = scratch_end_; p < scratch_.data() + scratch_.size(); ++p) {
      if (*p != 777.0f) return false;
    }
    return true;
  }

  VectorizedShape shape_{};
  Stream stream_{DeviceId{}};
  std::mt19937 generator_{3};
  Index offset_ = 0;
  std::vector<float> scratch_;
  const float* scratch_end_ = nullptr;
};

inline std::string name_of_instruction_set(const ::testing::TestParamInfo<const Operations*>& info) {
  std::string name = info.param->name;
  std::erase(name, '-');
  return name;
}

}  // namespace mynah::tests
