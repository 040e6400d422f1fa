#include "kernels/operation_count.h"

#include "kernels/operation.h"

namespace mynah::kernels {
namespace {

thread_local Work* current = nullptr;

}  // namespace

OperationCount::OperationCount() {
  require(current == nullptr, "operation count", "one count at a time");
  current = &work_;
}

OperationCount::~OperationCount() {
  current = nullptr;
}

Work* counted_work() noexcept {
  return current;
}

bool is_only_counted(const char* launched_operation) {
  if (current == nullptr) return false;
  ++current->launches;
  current->launched.emplace_back(launched_operation);
  return true;
}

void count_scratch(std::size_t bytes) {
  if (current == nullptr) return;
  current->bytes_read += static_cast<Index>(bytes);
  current->bytes_written += static_cast<Index>(bytes);
}

}  // namespace mynah::kernels
