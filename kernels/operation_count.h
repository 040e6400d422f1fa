#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace mynah::kernels {

/// What operations cost: how many there are, how many kernels they launch on CUDA, and how much memory they go through.
///
/// Bytes are those of operands, each once: what is constant is read, what is not is written, and what is added to or
/// stepped on is both. Of a table, the rows that are taken count. What an operation's kernels leave for one another in
/// scratch memory counts too, written and read. A cache may save some of it; a kernel that reads an operand for every
/// one of its blocks asks for more, of caches first.
struct Work {
  Index operations = 0;
  Index launches = 0;
  Index bytes_read = 0;
  Index bytes_written = 0;
  bool complete = true;               ///< false: an operation has operands whose bytes it does not tell.
  std::vector<std::string> launched;  ///< The operation of each launch, in order.

  Index bytes() const { return bytes_read + bytes_written; }
};

/// While one lives, operations that this thread calls are counted and not run: nothing in device memory changes (but
/// scratch memory of streams gets its size). One at a time.
class OperationCount {
 public:
  OperationCount();
  ~OperationCount();
  OperationCount(const OperationCount&) = delete;
  OperationCount& operator=(const OperationCount&) = delete;

  const Work& work() const { return work_; }

 private:
  Work work_;
};

/// Where operations of this thread are counted; null where they run.
Work* counted_work() noexcept;

/// For launches (kernels/cuda/launch.h): counts one where operations are counted; then it is not to be made.
bool is_only_counted(const char* launched_operation);
/// Scratch memory that one kernel of an operation leaves for its next.
void count_scratch(std::size_t bytes);

/// An operand that is read (if said so) and then written: added to, or stepped on.
template <class View>
struct Changed {
  View view;
  bool read;
};
template <class View>
Changed<View> changed(View view, bool read = true) {
  return {view, read};
}
/// An operand of which it is not told what it holds.
struct Untold {};

inline void count_operand(Work& work, Untold) {
  work.complete = false;
}
template <class T>
void count_bytes(Work& work, Index values) {
  (std::is_const_v<T> ? work.bytes_read : work.bytes_written) += values * static_cast<Index>(sizeof(T));
}
template <class T>
void count_operand(Work& work, const MatrixView<T>& view) {
  if (view.data != nullptr) count_bytes<T>(work, view.rows * view.columns);
}
template <class T>
void count_operand(Work& work, const VectorView<T>& view) {
  if (view.data != nullptr) count_bytes<T>(work, view.size);
}
/// A single value in device memory.
template <class T>
void count_operand(Work& work, T* value) {
  if (value != nullptr) count_bytes<T>(work, 1);
}
template <class View>
void count_operand(Work& work, const Changed<View>& operand) {
  const Index before = work.bytes_written;
  count_operand(work, operand.view);
  if (operand.read) work.bytes_read += work.bytes_written - before;
}

/// The door of every operation, between its checks and its twins: whether it is counted and not run. (On CUDA it goes
/// on to its launches, which are counted one by one.)
template <class... Operands>
bool is_only_counted(const Stream& stream, const Operands&... operands) {
  Work* const work = counted_work();
  if (work == nullptr) return false;
  ++work->operations;
  (count_operand(*work, operands), ...);
  return stream.backend() == Backend::cpu;
}

}  // namespace mynah::kernels
