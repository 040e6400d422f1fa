#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/view.h"

namespace mynah::tests {

/// A matrix in host memory with a guard zone before and behind it and behind every row (stride > columns), which an
/// operation must leave as it is. `offset` values shift its beginning, so that it need not be aligned to vectors.
///
/// The elements begin as NaN (poison): what an operation should overwrite must not be read, and must be overwritten.
template <class T>
class GuardedMatrix {
 public:
  GuardedMatrix(Index rows, Index columns, Index padding = 0, Index offset = 0)
      : rows_(rows), columns_(columns), stride_(columns + padding), begin_(guard + offset) {
    memory_.assign(static_cast<std::size_t>(begin_ + rows * stride_ + guard), guard_value());
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < columns; ++c) at(m, c) = std::numeric_limits<T>::quiet_NaN();
    }
  }

  MatrixView<T> view() { return {memory_.data() + begin_, rows_, columns_, stride_}; }
  MatrixView<const T> constant() const { return {memory_.data() + begin_, rows_, columns_, stride_}; }
  /// The same memory as a vector; only without padding.
  VectorView<T> vector() { return {memory_.data() + begin_, rows_ * columns_}; }
  VectorView<const T> constant_vector() const { return {memory_.data() + begin_, rows_ * columns_}; }

  T& at(Index row, Index column) { return memory_[static_cast<std::size_t>(begin_ + row * stride_ + column)]; }
  T at(Index row, Index column) const { return memory_[static_cast<std::size_t>(begin_ + row * stride_ + column)]; }

  /// Standard normal values.
  GuardedMatrix& randomize(std::mt19937& generator) {
    std::normal_distribution<double> normal;
    for (Index m = 0; m < rows_; ++m) {
      for (Index c = 0; c < columns_; ++c) at(m, c) = static_cast<T>(normal(generator));
    }
    return *this;
  }
  GuardedMatrix& set(T value) {
    for (Index m = 0; m < rows_; ++m) {
      for (Index c = 0; c < columns_; ++c) at(m, c) = value;
    }
    return *this;
  }
  template <class U>
  GuardedMatrix& assign(const GuardedMatrix<U>& other) {
    for (Index m = 0; m < rows_; ++m) {
      for (Index c = 0; c < columns_; ++c) at(m, c) = static_cast<T>(other.at(m, c));
    }
    return *this;
  }

  bool guards_intact() const {
    const T expected = guard_value();
    for (Index i = 0; i < static_cast<Index>(memory_.size()); ++i) {
      const Index position = i - begin_;
      const bool inside = position >= 0 && position < rows_ * stride_ && position % stride_ < columns_;
      if (!inside && memory_[static_cast<std::size_t>(i)] != expected) return false;
    }
    return true;
  }

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }

 private:
  static constexpr Index guard = 64;
  static T guard_value() { return static_cast<T>(-12345.678); }

  Index rows_, columns_, stride_, begin_;
  std::vector<T> memory_;
};

/// Σ (a - b)² / Σ b², 0 where both are zero: the normalised mean squared error. NaN counts as a difference.
template <class T, class U>
double normalized_squared_error(const GuardedMatrix<T>& a, const GuardedMatrix<U>& b) {
  double difference = 0.0, square = 0.0;
  for (Index m = 0; m < b.rows(); ++m) {
    for (Index c = 0; c < b.columns(); ++c) {
      const double one = static_cast<double>(a.at(m, c)), other = static_cast<double>(b.at(m, c));
      difference += (one - other) * (one - other);
      square += other * other;
    }
  }
  if (difference == 0.0) return 0.0;
  return square == 0.0 ? std::numeric_limits<double>::infinity() : difference / square;
}

}  // namespace mynah::tests
